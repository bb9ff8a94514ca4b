package hive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/wire"
)

// maxModule is the most bytes of a module.
const maxModule = 64 << 20

// Modules keeps the modules of a hive's programs as files named by their hash,
// for bees to fetch. Its methods may be called from any goroutine.
type Modules struct{ dir string }

// Modules returns the hive's modules.
func (h *Hive) Modules() *Modules { return &Modules{filepath.Join(h.cfg.Dir, "modules")} }

func (m *Modules) path(hash [sha256.Size]byte) string {
	return filepath.Join(m.dir, hex.EncodeToString(hash[:]))
}

// Put keeps a module, which is on the disk when it returns, and returns its
// SHA-256, the name by which programs call it. Modules of more than 64 MiB are
// [wire.ErrTooBig].
func (m *Modules) Put(module []byte) (hash [sha256.Size]byte, err error) {
	if len(module) > maxModule {
		return hash, wire.ErrTooBig.With("a module of %d bytes, at most %d are allowed", len(module), maxModule)
	}
	hash = sha256.Sum256(module)
	if info, err := os.Stat(m.path(hash)); err == nil && info.Size() == int64(len(module)) {
		return hash, nil
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return hash, fmt.Errorf("put module: %w", err)
	}
	if err := disk.WriteFile(m.path(hash), module, 0o600); err != nil {
		return hash, fmt.Errorf("put module: %w", err)
	}
	return hash, nil
}

// Open returns a module and its length, or [wire.ErrNotFound]. The caller closes
// it. Who reads it checks the hash.
func (m *Modules) Open(hash [sha256.Size]byte) (io.ReadCloser, int64, error) {
	f, err := os.Open(m.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, wire.ErrNotFound
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
