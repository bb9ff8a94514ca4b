package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

func runManifestImport(_ context.Context, s *session, c *urfave.Context) error {
	in := io.NopCloser(s.In)
	if arg := c.Args().First(); arg != "-" {
		if _, err := readable(arg); err != nil {
			return err
		}
		f, err := os.Open(arg)
		if err != nil {
			return err
		}
		in = f
	}
	defer in.Close()
	folder := node.Home(s.home).Manifests()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	path, fresh, err := importManifest(in, folder)
	if err != nil {
		return err
	}
	f := node.Describe(path)
	if f.Err != nil {
		return f.Err
	}
	text := fmt.Sprintf("imported  %s  id %s", printable(f.Name), f.ID)
	switch {
	case s.out.quiet:
		text = f.ID
	case !fresh:
		text = fmt.Sprintf("known already  %s  id %s", printable(f.Name), f.ID)
	}
	s.out.result(lineOf(f), text)
	return nil
}

// importManifest copies a manifest into a folder under its proper name, after
// every byte of it was checked. One that is there already is left alone.
func importManifest(in io.Reader, folder string) (path string, fresh bool, err error) {
	var size int64
	temp, err := disk.Temp(filepath.Join(folder, "import"), func(w io.Writer) (err error) {
		size, err = io.Copy(w, in)
		return err
	})
	if err != nil {
		return "", false, fmt.Errorf("import: %w", err)
	}
	defer os.Remove(temp) // gone already when all went well
	src, err := os.Open(temp)
	if err != nil {
		return "", false, fmt.Errorf("import: %w", err)
	}
	m, err := shard.OpenManifest(src, size)
	if err = errors.Join(err, src.Close()); err != nil {
		return "", false, fmt.Errorf("import: %w", err)
	}
	path = filepath.Join(folder, exportedID(m)+".batchain")
	if known, src, err := openManifest(path); err == nil {
		defer src.Close()
		if known.Core != m.Core {
			return "", false, control.NewError(control.ExitIntegrity, 51, "another manifest of the same file is in the home").
				Because("one of the two is forged: a file has one core").Try("batchain manifest show " + path)
		}
		return path, false, nil
	}
	if err := disk.Place(temp, path); err != nil {
		return "", false, fmt.Errorf("import: %w", err)
	}
	return path, true, nil
}

// exportedID is what a manifest is filed under.
func exportedID(m *shard.Manifest) string {
	if m.Private != nil {
		return m.Private.File.String()
	}
	return m.Grant.Locator.String()
}
