package folder

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Plan is a folder as it was found, before a byte of its files is read.
type Plan struct {
	Root    string // absolute
	Name    string // of the folder
	Mode    fs.FileMode
	ModTime time.Time
	Size    int64    // bytes of the stream
	Files   int      // entries
	Left    int      // devices, pipes and sockets that are left out
	Skipped []string // the first of them, by their paths; at most 10
	entries []Entry
	end     int64 // of the last entry, in the stream
}

// MaxEntries is the most entries of one folder: each takes about 200 bytes of
// memory while it is written.
const MaxEntries = 1 << 22

const maxSkipped = 10

const blockSize = 512

// NewPlan looks at a folder and all below it, links unfollowed. Other errors
// than those of the file system: more than [MaxEntries], or a path that is too
// long.
func NewPlan(root string) (*Plan, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	p := &Plan{Root: root, Name: filepath.Base(root), Mode: info.Mode().Perm(), ModTime: info.ModTime()}
	if err := filepath.WalkDir(root, p.take); err != nil {
		return nil, err
	}
	slices.SortFunc(p.entries, func(a, b Entry) int { return cmp.Compare(sortKey(a.Path), sortKey(b.Path)) })
	return p, p.place()
}

// sortKey puts a folder right before what is in it.
func sortKey(path string) string {
	if path == "." {
		return ""
	}
	return strings.ReplaceAll(path, "/", "\x00")
}

func (p *Plan) take(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since its folder was read
	}
	if err != nil {
		return err
	}
	name, err := filepath.Rel(p.Root, path)
	if err != nil {
		return err
	}
	e := Entry{Path: filepath.ToSlash(name), Mode: info.Mode().Perm(), ModTime: info.ModTime().UnixNano()}
	switch info.Mode().Type() {
	case 0:
		e.Size = info.Size()
	case fs.ModeDir:
		e.Kind = Folder
	case fs.ModeSymlink:
		e.Kind = Link
		if e.Link, err = os.Readlink(path); err != nil {
			return err
		}
	default:
		return p.skip(e.Path)
	}
	return p.add(e)
}

func (p *Plan) skip(path string) error {
	if p.Left++; len(p.Skipped) < maxSkipped {
		p.Skipped = append(p.Skipped, path)
	}
	return nil
}

func (p *Plan) add(e Entry) error {
	if len(p.entries) >= MaxEntries {
		return fmt.Errorf("%s: more than %d files and folders", p.Root, MaxEntries)
	}
	if !validPath(e.Path) || len(e.Link) > maxPath {
		return fmt.Errorf("%s: a path of more than %d bytes", e.Path[:min(len(e.Path), 80)], maxPath)
	}
	p.entries = append(p.entries, e)
	return nil
}

// place finds every offset and the size of the whole.
func (p *Plan) place() error {
	at := int64(0)
	for i := range p.entries {
		e := &p.entries[i]
		header, err := e.header()
		if err != nil {
			return err
		}
		at += int64(len(header))
		if e.Kind == File {
			e.Offset = at
			at += e.Size + padding(e.Size)
		}
	}
	p.Files, p.end = len(p.entries), at
	index, err := p.indexLength()
	p.Size = at + 2*blockSize + index + trailerSize
	return err
}

func padding(size int64) int64 { return (blockSize - size%blockSize) % blockSize }

// header is what tar writes before an entry's bytes.
func (e Entry) header() ([]byte, error) {
	h := &tar.Header{Name: e.Path, Mode: int64(e.Mode.Perm()), ModTime: time.Unix(0, e.ModTime), Format: tar.FormatPAX}
	switch e.Kind {
	case File:
		h.Typeflag, h.Size = tar.TypeReg, e.Size
	case Folder:
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case Link:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Link
	}
	var buf bytes.Buffer
	if err := tar.NewWriter(&buf).WriteHeader(h); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Path, err)
	}
	return buf.Bytes(), nil
}
