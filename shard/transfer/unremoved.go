package transfer

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// How long hosts that a remove did not reach are told again, in which time their
// leases end; how many files are remembered for that, and how many hosts of each.
const (
	unremovedTime  = shard.LeaseDefault
	maxUnremoved   = 1 << 12
	maxUnremovedAt = 256
)

const (
	unremovedSuffix  = ".unremoved"
	unremovedVersion = 1
	unremovedKind    = 1
	maxUnremovedFile = 2 << 20
)

// unremoved is what is left of a remove: FILE ID.unremoved beside the journals,
// one record as in those, of kind 1.
type unremoved struct {
	Version int          `cbor:"1,keyasint"`
	File    shard.FileID `cbor:"2,keyasint"`
	Grant   wire.Signed  `cbor:"3,keyasint"`
	Since   int64        `cbor:"4,keyasint"` // Unix seconds
	Hosts   []hostAddrs  `cbor:"5,keyasint"` // that were not told yet
}

// valid reports whether the record makes sense, or is a later version's.
func (u unremoved) valid() bool {
	return u.Version > unremovedVersion || u.Version == unremovedVersion && len(u.Hosts) <= maxUnremovedAt &&
		!slices.ContainsFunc(u.Hosts, func(h hostAddrs) bool { return h.Peer.Validate() != nil || len(h.Addrs) > maxHostAddrs })
}

func (e *Engine) unremovedPath(file shard.FileID) string {
	return filepath.Join(e.cfg.Journal, file.String()+unremovedSuffix)
}

func (e *Engine) unremovedFiles() []string {
	paths, err := filepath.Glob(filepath.Join(e.cfg.Journal, "*"+unremovedSuffix))
	if err != nil {
		e.log.Warn("removes are not finished", "err", err)
	}
	return paths
}

func readUnremoved(path string) (u unremoved, err error) {
	file, err := os.Open(path)
	if err != nil {
		return u, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxUnremovedFile+1))
	if err != nil {
		return u, err
	}
	return parseUnremoved(data)
}

func parseUnremoved(data []byte) (u unremoved, err error) {
	if len(data) > maxUnremovedFile {
		return u, errTorn
	}
	in := bytes.NewReader(data)
	kind, body, err := readRecordOf(in, maxUnremovedFile)
	if err == nil && (kind != unremovedKind || in.Len() > 0) {
		err = errTorn
	}
	if err == nil {
		err = wire.Unmarshal(body, &u)
	}
	if err == nil && !u.valid() {
		err = errTorn
	}
	return u, err
}

func (u unremoved) encode() ([]byte, error) {
	body, err := wire.Marshal(u)
	return frameRecord(unremovedKind, body), err
}

// noteUnremoved remembers hosts that were not told that a file is deleted. It
// reports whether they are all remembered.
func (e *Engine) noteUnremoved(file shard.FileID, grant wire.Signed, hosts []peer.ID) (bool, error) {
	e.unremoved.Lock()
	defer e.unremoved.Unlock()
	if len(hosts) > maxUnremovedAt || len(e.unremovedFiles()) >= maxUnremoved {
		return false, nil
	}
	u := unremoved{Version: unremovedVersion, File: file, Grant: grant, Since: time.Now().Unix()}
	for _, h := range hosts {
		u.Hosts = append(u.Hosts, hostAddrs{h, e.addrHints(h)})
	}
	return true, e.writeUnremoved(u)
}

func (e *Engine) writeUnremoved(u unremoved) error {
	data, err := u.encode()
	if err != nil {
		return err
	}
	return disk.WriteFile(e.unremovedPath(u.File), data, 0o600)
}
