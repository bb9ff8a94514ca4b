package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

// source checks a file or folder before any node is asked. It returns the bytes to send,
// or nil when the node reads them itself.
func (s *session) source(req *control.PutRequest, arg string) (io.ReadCloser, error) {
	if arg == "-" {
		s.resume = "pipe the same bytes again with the same --name: what is stored is kept"
		if req.Name == "" {
			req.Name = "stdin"
			s.resume = "to be able to resume stdin, give it a --name"
		}
		return io.NopCloser(s.In), nil
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return nil, fmt.Errorf("put %s: %w", arg, err)
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		info, err = readable(path)
	}
	if err != nil {
		return nil, err
	}
	s.resume = "the same command again goes on where this ended"
	if name := filepath.Base(path); req.Name == "" && !utf8.ValidString(name) {
		req.Name = shard.SafeName(name)
		s.out.warn("%q is no UTF-8 and is stored as %s", name, req.Name)
	} else if req.Name == "" {
		req.Name = name
	}
	if utf8.ValidString(path) {
		req.Path = path
		return nil, nil
	}
	if info.IsDir() {
		return nil, usage(67, "the path of the folder %q is no UTF-8", path).Try("put it from a place whose name is")
	}
	// JSON cannot carry the path, so the bytes go instead.
	req.Size = info.Size()
	return os.Open(path)
}

// readable says why a path is no file that can be read: E0401 or E0802.
func readable(path string) (os.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, control.NewError(control.ExitNotFound, 1, "there is no file %s", path).Wrap(err)
	case errors.Is(err, os.ErrPermission):
		return nil, control.NewError(control.ExitPermission, 2, "%s may not be read", path).Wrap(err)
	case err != nil:
		return nil, control.NewError(control.ExitUnclassified, 4, "%s cannot be read", path).Wrap(err)
	case info.IsDir():
		return nil, usage(67, "%s is a folder", path)
	case !info.Mode().IsRegular():
		return nil, usage(67, "%s is no plain file", path).Try("batchain put - < " + path)
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrPermission) {
		return nil, control.NewError(control.ExitPermission, 2, "%s may not be read", path).Wrap(err)
	} else if err != nil {
		return nil, control.NewError(control.ExitUnclassified, 4, "%s cannot be read", path).Wrap(err)
	}
	return info, f.Close()
}
