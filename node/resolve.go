package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

// minPrefix is how much of an id must be given.
const minPrefix = 4

// maxListed bounds how many files an ambiguous reference lists.
const maxListed = 10

// Resolve finds the manifest that ref means, and returns its absolute path. In
// this order ref is: a path (with a separator, or ending in .batchain), an
// exact id, an exact name, the first 4 characters or more of an id. It fails
// with a [*control.Error]: exit 4 when there is none, exit 2 when there are
// several.
func Resolve(home, ref string) (string, error) {
	if isPath(ref) {
		return resolvePath(ref)
	}
	files, err := Files(home)
	if err != nil {
		return "", fileFault(err, home)
	}
	for _, means := range []func(File) bool{
		func(f File) bool { return f.ID == ref || stem(f) == ref },
		func(f File) bool { return f.Name == ref && f.Err == nil && !f.Repair },
		func(f File) bool { return len(ref) >= minPrefix && strings.HasPrefix(f.ID, ref) },
	} {
		switch found := matching(files, means); len(found) {
		case 0:
		case 1:
			return found[0].Path, nil
		default:
			return "", ambiguous(ref, found)
		}
	}
	e := control.NewError(control.ExitNotFound, 2, "no file %q", ref).Because("the home %s has %s", home, english.Plural(len(files), "file", ""))
	if short := matching(files, func(f File) bool { return ref != "" && strings.HasPrefix(f.ID, ref) }); len(short) > 0 {
		e.Because("the first characters of an id must be %d or more; %s with %s", minPrefix, english.Plural(len(short), "id begins", "ids begin"), ref)
	}
	return "", e.Try("batchain ls")
}

func isPath(ref string) bool {
	return strings.ContainsRune(ref, '/') || strings.ContainsRune(ref, filepath.Separator) || strings.HasSuffix(ref, manifestSuffix)
}

func resolvePath(ref string) (string, error) {
	path, err := filepath.Abs(ref)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return "", fileFault(err, ref)
	}
	return path, nil
}

// stem is the name of a file's manifest without its end.
func stem(f File) string { return strings.TrimSuffix(filepath.Base(f.Path), manifestSuffix) }

func matching(files []File, means func(File) bool) []File {
	var found []File
	for _, f := range files {
		if means(f) {
			found = append(found, f)
		}
	}
	return found
}

func ambiguous(ref string, found []File) error {
	e := control.NewError(control.ExitUsage, 15, "%q means more than one file", ref).Because("%d files match", len(found))
	for _, f := range found[:min(len(found), maxListed)] {
		e.Try(fmt.Sprintf("%s  %s  %d bytes, put %s", f.ID, shard.SafeName(f.Name), f.Size, f.Put.Format("2006-01-02 15:04")))
	}
	return e
}
