package store

import (
	"fmt"
	"math"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// HoldTime is how long room stays promised after an ASK.
const HoldTime = 60 * time.Second

// maxHolds bounds the peers that room is promised to at one time.
const maxHolds = 4096

// What the index needs of the disk. Badger writes to files with holes that it
// has mapped into memory: when the disk is full, that does not fail, it ends
// the process (SIGBUS).
const (
	indexRoom  = 64 << 20 // bytes that shards leave to it, on top of MinFree
	indexFloor = 16 << 20 // bytes below which it is not written any more
)

// hold is room promised to a peer that has not begun to send.
type hold struct {
	bytes int64
	until time.Time
}

// Hold promises asker room for bytes of shards, for [HoldTime]; its transfers
// draw on it. A peer has one hold: a further one takes its place. With bytes 0
// nothing is promised, and an earlier hold stays. free is what the asker could
// store now, its own hold included, and comes with every error:
// [wire.ErrFull], [wire.ErrQuota], [wire.ErrBusy] (too many holds) or
// [wire.ErrBadRequest] (negative).
func (s *Store) Hold(asker peer.ID, bytes int64) (free int64, err error) {
	diskFree := s.diskFree()
	used, err := s.peerUsed(asker)
	if err != nil {
		return 0, fmt.Errorf("hold: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireHolds()
	own := s.holds[asker].bytes
	room := s.room(diskFree, own)
	left := s.peerLeft(asker, used)
	free = withoutTrees(min(room, left))
	switch {
	case bytes < 0:
		return free, wire.ErrBadRequest.With("room for %d bytes", bytes)
	case bytes == 0:
		return free, nil
	case bytes > withoutTrees(room):
		return free, s.metrics.reject(wire.ErrFull)
	case bytes > withoutTrees(left):
		return free, s.metrics.reject(wire.ErrQuota)
	case own == 0 && len(s.holds) >= maxHolds:
		return free, s.metrics.reject(wire.ErrBusy)
	}
	want := withTrees(bytes)
	s.held += want - own
	s.holds[asker] = hold{bytes: want, until: s.now().Add(HoldTime)}
	return free, nil
}

// withTrees adds to bytes of shards what their trees take, rounded up.
func withTrees(bytes int64) int64 { return bytes + bytes/256 + 64 }

// withoutTrees is the most b with withTrees(b) ≤ bytes.
func withoutTrees(bytes int64) int64 { return max(0, (bytes-64)/257*256+min((bytes-64)%257, 255)) }

// reserve charges a transfer for all that it may write: size bytes, in place
// of what it is charged for already. It gives [wire.ErrFull] or
// [wire.ErrQuota].
func (s *Store) reserve(t *transfer, size int64) error {
	diskFree := s.diskFree()
	used, err := s.peerUsed(t.peer)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireHolds()
	own := s.holds[t.peer]
	more := size - t.charge
	if more > s.peerLeft(t.peer, used) {
		return wire.ErrQuota
	}
	if more > s.room(diskFree, own.bytes) {
		return wire.ErrFull
	}
	s.charge(t, size)
	if drawn := min(own.bytes, max(0, more)); drawn > 0 {
		own.bytes -= drawn
		s.held -= drawn
		s.holds[t.peer] = own
		if own.bytes == 0 {
			delete(s.holds, t.peer)
		}
	}
	return nil
}

// charge sets what a transfer is charged for. The caller holds mu.
func (s *Store) charge(t *transfer, bytes int64) {
	s.inFlight += bytes - t.charge
	s.byPeer[t.peer] += bytes - t.charge
	if s.byPeer[t.peer] == 0 {
		delete(s.byPeer, t.peer)
	}
	t.charge = bytes
}

// room is the bytes that nobody has, and that nobody is promised but the one
// whose hold of own bytes asks. The caller holds mu.
func (s *Store) room(diskFree, own int64) int64 {
	promised := s.inFlight + s.held - own
	return max(0, min(s.capacity-s.count.Used, diskFree-s.minFree-indexRoom)-promised)
}

// peerLeft is what a peer may still store, its holds aside. The caller holds
// mu.
func (s *Store) peerLeft(p peer.ID, used int64) int64 {
	if s.perPeer <= 0 {
		return math.MaxInt64
	}
	return max(0, s.perPeer-used-s.byPeer[p])
}

// expireHolds takes back what was promised too long ago. The caller holds mu.
func (s *Store) expireHolds() {
	now := s.now()
	for p, h := range s.holds {
		if !now.Before(h.until) {
			s.held -= h.bytes
			delete(s.holds, p)
		}
	}
}

func (s *Store) peerUsed(p peer.ID) (int64, error) {
	if s.perPeer <= 0 {
		return 0, nil
	}
	var row peerRow
	err := s.view(func(t tx) error {
		_, err := t.get(peerKey(p), &row)
		return err
	})
	return row.Bytes, err
}

func (s *Store) diskFree() int64 {
	free, err := s.disk.free(s.dir)
	if err != nil {
		s.logger.Warn("free space is unknown", "err", err)
		return 0
	}
	return free
}

// chargePeer changes what a peer's leases come to.
func (b *batch) chargePeer(p peer.ID, bytes int64) error {
	var row peerRow
	if _, err := b.get(peerKey(p), &row); err != nil {
		return err
	}
	if row.Bytes += bytes; row.Bytes <= 0 {
		return b.del(peerKey(p))
	}
	return b.put(peerKey(p), row)
}
