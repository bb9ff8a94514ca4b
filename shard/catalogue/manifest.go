package catalogue

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// What a note beside a file's shards holds.
const (
	whole    = 1 // the file's manifest
	indirect = 2 // the manifest of the file that holds the manifest
)

// manifestBlob is a sealed manifest.
type manifestBlob struct {
	Version int    `cbor:"1,keyasint"`
	Kind    int    `cbor:"2,keyasint"`
	Made    int64  `cbor:"3,keyasint"` // Unix seconds
	Data    []byte `cbor:"4,keyasint"`
}

// maxManifest is the most bytes of a manifest that fit a blob.
const maxManifest = maxPlain - 32

// parseManifest reads the plaintext of a manifest's note. Errors: [ErrNewer],
// [wire.ErrBadRequest].
func parseManifest(plain []byte) (manifestBlob, error) {
	var b manifestBlob
	if err := checkVersion(plain, blobVersion); err != nil {
		return b, err
	}
	if err := wire.Unmarshal(plain, &b); err != nil {
		return b, fmt.Errorf("manifest: %w", err)
	}
	if b.Version != blobVersion || (b.Kind != whole && b.Kind != indirect) {
		return b, fmt.Errorf("manifest of kind %d, version %d: %w", b.Kind, b.Version, wire.ErrBadRequest)
	}
	return b, nil
}

// facts are what the catalogue needs of a manifest.
type facts struct {
	file    shard.FileID
	hosts   []peer.AddrInfo
	enough  int // hosts with its note that outlive any loss that the file outlives
	size    int64
	until   int64 // see row.Until
	written time.Time
}

// readManifest reads a manifest file of the owner's. Errors: [ErrNotOurs],
// [shard.ErrManifest], [shard.ErrNewer], those of the disk.
func (c *Catalogue) readManifest(path string) (facts, error) {
	file, err := os.Open(path)
	if err != nil {
		return facts{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return facts{}, err
	}
	f, err := c.checkManifest(file, info.Size())
	if err != nil {
		return facts{}, fmt.Errorf("%s: %w", path, err)
	}
	f.written = info.ModTime()
	return f, nil
}

// checkManifest opens a manifest and makes sure that it is of the owner's own
// making: whoever hands us another one learns nothing and plants nothing.
func (c *Catalogue) checkManifest(src io.ReaderAt, size int64) (facts, error) {
	m, err := shard.OpenManifest(src, size)
	if err != nil {
		return facts{}, err
	}
	if m.Private == nil || m.Mesh != c.cfg.Mesh || !m.Grant.Admin.Equal(c.cfg.Seed.AdminKey(m.Private.File).Public()) {
		return facts{}, ErrNotOurs
	}
	return facts{file: m.Private.File, hosts: m.Hosts, enough: max(1, len(m.Hosts)-m.Scheme.Data+1), size: size, until: m.Private.Expires}, nil
}

// owns reports whether a good manifest of the file lies at home.
func (c *Catalogue) owns(id shard.FileID) bool {
	f, err := c.readManifest(c.manifestPath(id))
	return err == nil && f.file == id
}

// check returns an error unless data is the manifest of id, made by the owner.
func (c *Catalogue) check(data []byte, id shard.FileID) error {
	f, err := c.checkManifest(bytes.NewReader(data), int64(len(data)))
	if err == nil && f.file != id {
		err = fmt.Errorf("%w: it is of another file", ErrNotOurs)
	}
	return err
}
