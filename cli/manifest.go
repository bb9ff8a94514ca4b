package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/shard"
)

func manifestCommand() *command {
	return &command{
		name: "manifest", args: "show|export|import", group: groupFiles, brief: "the lists that bring files back",
		details: "Whoever has a file's manifest can read the file: keep it as you would keep the file.",
		subs: []*command{
			{
				name: "show", args: "REF", group: groupFiles, brief: "check a manifest and say what is in it",
				min: 1, max: 1, want: "which file; batchain ls lists them", complete: kindRef, run: runManifestShow,
			},
			{
				name: "export", args: "REF", group: groupFiles, brief: "copy a manifest out of the home",
				min: 1, max: 1, want: "which file; batchain ls lists them", complete: kindRef, run: runManifestExport,
				flags: []urfave.Flag{
					yes("repair", "the capability to repair the file, without the key that reads it"),
					text("output", "FILE|-", "where to (default the file's name and .batchain, here)", "o"),
				},
			},
			{
				name: "import", args: "FILE|-", group: groupFiles, brief: "take a manifest into the home",
				min: 1, max: 1, want: "a manifest, or - for stdin", complete: kindFile, run: runManifestImport,
			},
		},
	}
}

// manifestLine is a manifest as show --json tells of it.
type manifestLine struct {
	fileLine
	Mesh    string   `json:"mesh"`
	Locator string   `json:"locator"`
	Sealed  int64    `json:"sealed"` // bytes of all segments
	Peers   []string `json:"peers"`  // peer ids of the hosts
}

func runManifestShow(_ context.Context, s *session, c *urfave.Context) error {
	path, err := s.resolve(c.Args().First())
	if err != nil {
		return err
	}
	m, src, err := openManifest(path)
	if err != nil {
		return err
	}
	defer src.Close()
	f := node.Describe(path)
	if f.Err != nil {
		return f.Err
	}
	line := manifestLine{fileLine: lineOf(f), Mesh: m.Mesh, Locator: m.Grant.Locator.String(), Sealed: m.Sealed, Peers: []string{}}
	rows := [][2]string{{"id", f.ID}, {"name", printable(f.Name)}, {"size", humanize.IBytes(uint64(f.Size))}}
	if f.Repair {
		rows = [][2]string{{"repair", "only: it cannot read the file, nor its name"}}
	}
	rows = append(rows, [][2]string{
		{"mesh", printable(m.Mesh)}, {"scheme", m.Scheme.String()}, {"segments", fmt.Sprint(m.Count)},
		{"health", fmt.Sprintf("%d of %s may be lost, whichever they are", f.Margin, english.Plural(f.Hosts, "host", ""))},
		{"locator", line.Locator}, {"manifest", path},
	}...)
	for _, h := range m.Hosts {
		line.Peers = append(line.Peers, h.ID.String())
		rows = append(rows, [2]string{"host", h.ID.String()})
	}
	s.out.item("manifest", line, unindent(columns(rows)))
	return nil
}

// openManifest checks a whole manifest. The caller closes the file when it is
// done with the manifest.
func openManifest(path string) (*shard.Manifest, *os.File, error) {
	src, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := src.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, src.Close())
	}
	m, err := shard.OpenManifest(src, info.Size())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), src.Close())
	}
	return m, src, nil
}

func runManifestExport(_ context.Context, s *session, c *urfave.Context) error {
	path, err := s.resolve(c.Args().First())
	if err != nil {
		return err
	}
	m, src, err := openManifest(path)
	if err != nil {
		return err
	}
	defer src.Close()
	export := func(w io.Writer) error {
		_, err := io.Copy(w, src)
		return err
	}
	if c.Bool("repair") {
		export = m.Export
	}
	output := c.String("output")
	if output == "-" {
		if s.out.json {
			return usage(68, "--json and -o - both want stdout").Try("give -o FILE, or leave --json out")
		}
		return export(s.Out)
	}
	if output == "" {
		output = exportName(m, c.Bool("repair"))
	}
	if output, err = filepath.Abs(output); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := createSecret(output, export); err != nil {
		return err
	}
	text := "exported  " + output
	if s.out.quiet {
		text = output
	}
	s.out.result(map[string]any{"path": output, "repair": c.Bool("repair") || m.Private == nil}, text)
	if !c.Bool("repair") && m.Private != nil {
		s.out.note("whoever has this file can read %s", printable(m.Private.Name))
	}
	return nil
}

func exportName(m *shard.Manifest, repair bool) string {
	switch {
	case m.Private == nil:
		return m.Grant.Locator.String() + ".batchain"
	case repair:
		return shard.SafeName(m.Private.Name) + ".repair.batchain"
	}
	return shard.SafeName(m.Private.Name) + ".batchain"
}

// createSecret makes a new file that only its owner may read. It is whole, or
// it is not there; a crash may leave it empty.
func createSecret(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // takes the name
	if errors.Is(err, os.ErrExist) {
		return usage(71, "%s is there already", path).Try("-o FILE writes to another place")
	} else if err != nil {
		return err
	}
	if err = f.Close(); err == nil {
		err = disk.Write(path, write)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
