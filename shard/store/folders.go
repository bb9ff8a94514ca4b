package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// folders makes the folders that shard files lie in, and knows which of them
// survive a power cut.
type folders struct {
	disk fileSystem
	root string

	mu    sync.Mutex
	top   folder
	upper [1 << 8]folder  // ab
	lower [1 << 16]folder // ab/cd
}

type folder struct {
	known  bool // it exists, and its parent was synced since it does
	synced bool // what an earlier process made in it is on the disk
}

// ensure returns the folder for the shard with this hash: made, and synced
// into its parents.
func (f *folders) ensure(hash [32]byte) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := hex.EncodeToString(hash[:2])
	upper := filepath.Join(f.root, name[:2])
	lower := filepath.Join(upper, name[2:])
	u, l := &f.upper[hash[0]], &f.lower[int(hash[0])<<8|int(hash[1])]
	if err := f.make(upper, u, f.root, &f.top); err != nil {
		return "", err
	}
	if err := f.make(lower, l, upper, u); err != nil {
		return "", err
	}
	return lower, nil
}

// forget makes ensure look again: somebody removed a folder.
func (f *folders) forget(hash [32]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.upper[hash[0]] = folder{}
	f.lower[int(hash[0])<<8|int(hash[1])] = folder{}
}

func (f *folders) make(path string, state *folder, parentPath string, parent *folder) error {
	if state.known {
		return nil
	}
	err := f.disk.mkdir(path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err == nil || !parent.synced {
		parent.synced = false
		if err := f.disk.syncFolder(parentPath); err != nil {
			return err
		}
		parent.synced = true
	}
	state.known = true
	return nil
}

// path is where the file of a stored shard lies.
func (s *Store) path(id [32]byte) string {
	name := hex.EncodeToString(id[:])
	return filepath.Join(s.dir, name[:2], name[2:4], name)
}

// tempPath is where a transfer collects its bytes.
func (s *Store) tempPath(name transferName) string {
	return filepath.Join(s.dir, tempFolder, hex.EncodeToString(name[:]))
}

// asidePath is where the file of a damaged shard is kept.
func (s *Store) asidePath(id [32]byte) string {
	return filepath.Join(s.dir, asideFolder, hex.EncodeToString(id[:]))
}

// parseName reads the name of a shard's file.
func parseName(name string) (id shard.ID, err error) {
	hash, err := hex.DecodeString(name)
	if err != nil || len(hash) != len(id) || hex.EncodeToString(hash) != name {
		return id, fmt.Errorf("%.80q is no shard's file: %w", name, wire.ErrBadRequest)
	}
	return shard.ID(hash), nil
}

const (
	tempFolder  = "tmp"
	asideFolder = "quarantine"
)
