package node

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
	"github.com/batchain/batchain/shard/transfer"
)

// manifestSuffix ends the name of every manifest.
const manifestSuffix = ".batchain"

// File is one of the owner's files as its manifest tells of it. Nobody is
// asked: hosts that died since are not seen.
type File struct {
	ID       string // the manifest's name; the file's id wherever it can be read
	Name     string // as the owner gave it, any bytes; see [shard.SafeName]
	Size     int64  // bytes; 0 in a repair manifest
	Path     string // of the manifest, absolute
	Scheme   shard.Scheme
	Segments int
	Hosts    int              // that are said to hold a shard
	Margin   int              // hosts that may be lost, whichever they are: the worst of all segments
	Put      time.Time        // when the manifest was written
	Health   *transfer.Health // when its hosts were last asked; nil: never
	Expires  time.Time        // when the owner lets it go; zero: never
	Folder   bool             // a folder, as one file
	Repair   bool             // a repair manifest: no name, no size, and it cannot be read
	Err      error            // why the rest could not be told; nil when it could
}

// Files lists the manifests in a home, newest first, but for those of files that
// hold nothing but the manifests of others. It takes no lock: a node
// may be running there. A manifest that cannot be read is listed with its
// error; a home without manifests has no files.
func Files(home string) ([]File, error) {
	dir, err := filepath.Abs(Home(home).Manifests())
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	var files []File
	hidden := catalogue.Hidden(home)
	for _, entry := range entries {
		id, err := shard.ParseFileID(strings.TrimSuffix(entry.Name(), manifestSuffix))
		if isManifest(entry) && (err != nil || !hidden[id]) {
			files = append(files, Describe(filepath.Join(dir, entry.Name())))
		}
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(b.Put.Compare(a.Put), cmp.Compare(a.ID, b.ID))
	})
	return files, nil
}

func isManifest(entry fs.DirEntry) bool {
	return entry.Type().IsRegular() && strings.HasSuffix(entry.Name(), manifestSuffix) && entry.Name()[0] != '.'
}

// Describe reads one manifest. What is wrong with it is in the result.
func Describe(path string) File {
	f := File{ID: strings.TrimSuffix(filepath.Base(path), manifestSuffix), Path: path}
	f.Err = f.read()
	return f
}

func (f *File) read() error {
	src, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	f.Put = info.ModTime()
	m, err := shard.OpenManifest(src, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	f.Scheme, f.Segments, f.Repair = m.Scheme, m.Count, m.Private == nil
	if m.Private != nil {
		f.ID, f.Name, f.Size, f.Folder = m.Private.File.String(), m.Private.Name, m.Private.Size, m.Private.Folder
		if m.Private.Expires > 0 {
			f.Expires = time.Unix(m.Private.Expires, 0)
		}
	}
	if h, known := transfer.ReadHealth(f.Path); known {
		f.Health = &h
	}
	return f.readPlacements(m)
}

// readPlacements counts hosts and finds the segment that is worst off.
func (f *File) readPlacements(m *shard.Manifest) error {
	hosts := map[uint16]bool{}
	f.Margin = -1
	first := true
	for s, err := range m.Segments() {
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		for _, p := range s.Placed {
			hosts[p.Host] = true
		}
		margin := shard.Margin(m.Scheme, s.Placed)
		if first || margin < f.Margin {
			f.Margin, first = margin, false
		}
	}
	f.Hosts = len(hosts)
	return nil
}
