package labour

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
)

const (
	saveEvery = 10 * time.Second // how often a checkpoint goes to the disk at most
	maxSaved  = 64               // units whose checkpoints are kept: those saved last
)

// checkpoints keeps how to go on with the units that this node has begun.
type checkpoints struct {
	dir string
	log *slog.Logger
}

// checkpoint is that of one unit. A nil one is of a unit that has none.
type checkpoint struct {
	*checkpoints
	path    string
	news    json.RawMessage // not on the disk yet
	written time.Time
}

// of returns the checkpoint of a unit: of this program, of which every byte counts, with
// this input.
func (c *checkpoints) of(p *work.Program, input []byte) *checkpoint {
	if p.Limits.Fuel > 0 {
		return nil // see [exec.Unit]
	}
	id := p.ID()
	sum := sha256.Sum256(append(id[:], input...))
	return &checkpoint{checkpoints: c, path: filepath.Join(c.dir, hex.EncodeToString(sum[:])), written: time.Now()}
}

// load returns what was saved last, nil when there is nothing whole.
func (c *checkpoint) load() json.RawMessage {
	if c == nil {
		return nil
	}
	data, err := readFile(c.path, sha256.Size+exec.MaxCheckpoint)
	if err != nil || len(data) <= sha256.Size {
		return nil
	}
	saved := data[sha256.Size:]
	if sum := sha256.Sum256(saved); !bytes.Equal(sum[:], data[:sha256.Size]) {
		c.log.Warn("a checkpoint is damaged: its unit begins anew", "path", c.path)
		return nil
	}
	return saved
}

// keep saves how to go on; what comes soon after another one waits for [checkpoint.flush].
func (c *checkpoint) keep(saved json.RawMessage) {
	c.news = saved
	if time.Since(c.written) >= saveEvery {
		c.flush()
	}
}

// flush writes what is not on the disk yet. That it cannot costs time, if the unit is
// interrupted.
func (c *checkpoint) flush() {
	if c == nil || c.news == nil {
		return
	}
	err := c.makeRoom()
	if err == nil {
		sum := sha256.Sum256(c.news)
		err = disk.WriteFile(c.path, append(sum[:], c.news...), 0o600)
	}
	if err != nil {
		c.log.Warn("a checkpoint is not kept", "err", err)
	}
	c.news, c.written = nil, time.Now()
}

// drop forgets it.
func (c *checkpoint) drop() {
	if c != nil {
		c.news = nil
		_ = os.Remove(c.path) // there may be none
	}
}

// makeRoom makes the folder, and removes from it what was saved the longest time ago.
func (c *checkpoints) makeRoom() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil || len(entries) < maxSaved {
		return err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files[:max(0, len(files)-maxSaved+1)] {
		if err := os.Remove(filepath.Join(c.dir, f.Name())); err != nil {
			return err
		}
	}
	return nil
}
