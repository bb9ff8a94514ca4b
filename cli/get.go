package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

func getCommand() *command {
	return &command{
		name: "get", args: "REF [PATH]", group: groupFiles, brief: "bring a file back",
		details: "REF is a manifest (a path, or a name that ends in .batchain), an id, a name, or the\n" +
			"first four or more characters of an id. The same command again resumes. Of a folder, PATH\n" +
			"is what to bring of it; on stdout a folder is a tar archive.",
		min: 1, max: 2, want: "which file; batchain ls lists them", complete: kindRef,
		flags: []urfave.Flag{
			text("output", "OUT|-", "where to; a folder, a file, or - for stdout (default the file's name, here)", "o"),
			yes("force", "replace what is there"),
		},
		run: runGet,
	}
}

func runGet(ctx context.Context, s *session, c *urfave.Context) error {
	output := c.String("output")
	if output == "-" && s.out.json {
		return usage(68, "--json and -o - both want stdout").Try("give -o FILE, or leave --json out")
	}
	manifest, err := s.resolve(c.Args().First())
	if err != nil {
		return err
	}
	private, err := readPrivate(manifest)
	if err != nil {
		return err
	}
	req := control.GetRequest{Ref: manifest, Force: c.Bool("force"), Inside: c.Args().Get(1)}
	if req.Inside != "" && !private.Folder {
		return usage(81, "%s is no folder", printable(private.Name)).Because("%s can be a part of a folder only", printable(req.Inside)).
			Try("batchain get " + shellWord(c.Args().First()))
	}
	name := private.Name
	if req.Inside != "" {
		name = path.Base(path.Clean("/" + filepath.ToSlash(req.Inside)))
	}
	s.resume = "the same command again goes on where this ended"
	var out io.Writer
	if output == "-" {
		out, s.resume = s.Out, "get it into a file with -o FILE: that one goes on where it ended"
	} else if req.Output, err = destination(output, name, req.Force); err != nil {
		return err
	}
	var res control.GetResult
	bar := s.meter(shard.SafeName(name))
	defer bar.close()
	err = s.ask(ctx, out == nil, func(ctx context.Context, client *control.Client) error {
		var err error
		res, err = client.Get(ctx, req, out, bar.update)
		return err
	})
	bar.close()
	if err != nil || out != nil {
		return err
	}
	size := humanize.IBytes(uint64(res.Size))
	if info, err := os.Stat(res.Path); err == nil && info.IsDir() {
		size = "folder"
	}
	text := fmt.Sprintf("got     %s  %s  in %s", printable(res.Name), size, res.Path)
	if s.out.quiet {
		text = res.Path
	}
	s.out.result(res, text)
	return nil
}

// destination returns the absolute path that a file is brought back to, and
// says before anybody is asked when that cannot be.
func destination(output, name string, force bool) (string, error) {
	if output == "" {
		output = shard.SafeName(name)
	} else if info, err := os.Stat(output); err == nil && info.IsDir() {
		output = filepath.Join(output, shard.SafeName(name))
	}
	path, err := filepath.Abs(output)
	if err != nil {
		return "", fmt.Errorf("get to %s: %w", output, err)
	}
	if !utf8.ValidString(path) {
		return "", usage(69, "%q is no UTF-8", path).Try("batchain get REF -o - > FILE")
	}
	if parent, err := os.Stat(filepath.Dir(path)); errors.Is(err, os.ErrPermission) {
		return "", fmt.Errorf("get to %s: %w", path, err)
	} else if err != nil || !parent.IsDir() {
		return "", control.NewError(control.ExitNotFound, 50, "there is no folder %s", filepath.Dir(path)).Wrap(err)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return "", fmt.Errorf("get to %s: %w", path, err)
	case info.IsDir():
		return "", usage(70, "%s is a folder", path).Because("a folder is never replaced").Try("-o OTHER writes to another place")
	case !info.Mode().IsRegular() && info.Mode().Type() != os.ModeSymlink:
		return "", usage(74, "%s is no plain file", path).Try("-o - writes to stdout")
	case !force:
		return "", usage(71, "%s is there already", path).Try("--force replaces it", "-o FILE writes to another place")
	}
	return path, nil
}
