package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// ErrArchive means that a stream is no folder, or that its index is damaged or
// forged.
var ErrArchive = errors.New("folder's index is damaged")

// Kind is what an entry is.
type Kind uint8

// The kinds of entries. Append only.
const (
	File   Kind = 0
	Folder Kind = 1
	Link   Kind = 2 // a symbolic one
)

// Entry is one file, folder or link.
type Entry struct {
	Path    string
	Kind    Kind
	Size    int64       // bytes of a file
	Offset  int64       // of a file's bytes in the stream
	Mode    fs.FileMode // permission bits
	ModTime int64       // Unix nanoseconds
	Link    string      // what a link points to, unread
}

// entryRecord is how an entry is written.
type entryRecord struct {
	Path    []byte `cbor:"1,keyasint"`
	Kind    Kind   `cbor:"2,keyasint"`
	Size    int64  `cbor:"3,keyasint"`
	Offset  int64  `cbor:"4,keyasint"`
	Mode    uint32 `cbor:"5,keyasint"`
	ModTime int64  `cbor:"6,keyasint"`
	Link    []byte `cbor:"7,keyasint,omitempty"`
}

const (
	maxPath     = 4 << 10 // bytes of a path, and of a link
	maxFrame    = 1 << 20 // bytes of a frame of the index
	perFrame    = 64      // entries in one
	frameKind   = 1
	trailerSize = 32
	magic       = "batfoldr"
)

func (e Entry) record() entryRecord {
	return entryRecord{
		Path: []byte(e.Path), Kind: e.Kind, Size: e.Size, Offset: e.Offset,
		Mode: uint32(e.Mode.Perm()), ModTime: e.ModTime, Link: []byte(e.Link),
	}
}

// entry checks a record against the bytes that lie before the index.
func (r entryRecord) entry(before int64) (Entry, error) {
	e := Entry{
		Path: string(r.Path), Kind: r.Kind, Size: r.Size, Offset: r.Offset,
		Mode: fs.FileMode(r.Mode) & fs.ModePerm, ModTime: r.ModTime, Link: string(r.Link),
	}
	switch {
	case !validPath(e.Path):
		return e, fmt.Errorf("%w: path %.80q", ErrArchive, e.Path)
	case e.Kind > Link || e.Path == "." && e.Kind != Folder:
		return e, fmt.Errorf("%w: kind %d of %.80q", ErrArchive, e.Kind, e.Path)
	case e.Kind == Link && (e.Link == "" || len(e.Link) > maxPath || strings.ContainsRune(e.Link, 0)):
		return e, fmt.Errorf("%w: link %.80q", ErrArchive, e.Path)
	case e.Size < 0 || e.Offset < 0 || e.Kind != File && e.Size > 0 || e.Size > before || e.Offset > before-e.Size:
		return e, fmt.Errorf("%w: %d bytes at %d for %.80q", ErrArchive, e.Size, e.Offset, e.Path)
	}
	return e, nil
}

// validPath reports whether p is relative, clean and within the folder.
func validPath(p string) bool {
	if p == "" || len(p) > maxPath || p[0] == '/' || strings.ContainsRune(p, 0) {
		return false
	}
	return path.Clean(p) == p && p != ".." && !strings.HasPrefix(p, "../")
}
