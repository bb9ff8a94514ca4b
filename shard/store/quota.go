package store

import (
	"fmt"
	"math"
	"net/netip"
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
	bytes   int64
	network string // see payer
	until   time.Time
}

// payer is whom the quotas count against.
type payer struct {
	peer    peer.ID
	network string // a netip.Prefix in its binary form; "" counts against none
}

// payerOf takes a network of IPv4 for the same one in whatever form it comes.
func payerOf(p peer.ID, from netip.Prefix) payer {
	if !from.IsValid() {
		return payer{peer: p}
	}
	if ip := from.Addr(); ip.Is4In6() && from.Bits() >= 96 {
		from = netip.PrefixFrom(ip.Unmap(), from.Bits()-96)
	}
	network, _ := from.Masked().MarshalBinary() // gives no error
	return payer{peer: p, network: string(network)}
}

// prefix is the network again.
func (w payer) prefix() (from netip.Prefix, err error) {
	if w.network != "" {
		err = from.UnmarshalBinary([]byte(w.network))
	}
	return from, err
}

func (r leaseRow) payer() payer { return payer{peer: peer.ID(r.Peer), network: string(r.Network)} }

// Hold promises asker, who speaks from a network (zero: loopback), room for
// bytes of shards, for [HoldTime]; its transfers draw on it. A peer has one
// hold: a further one takes its place. With bytes 0 nothing is promised, and an
// earlier hold stays. free is what the asker could store now, its own hold
// included, and comes with every error: [wire.ErrFull], [wire.ErrQuota],
// [wire.ErrBusy] (too many holds) or [wire.ErrBadRequest] (negative).
func (s *Store) Hold(asker peer.ID, from netip.Prefix, bytes int64) (free int64, err error) {
	who := payerOf(asker, from)
	diskFree := s.diskFree()
	used, err := s.spent(who)
	if err != nil {
		return 0, fmt.Errorf("hold: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireHolds()
	own := s.holds[asker].bytes
	room := s.room(diskFree, own)
	left := s.quotaLeft(who, used)
	free = withoutCosts(min(room, left))
	switch {
	case bytes < 0:
		return free, wire.ErrBadRequest.With("room for %d bytes", bytes)
	case bytes == 0:
		return free, nil
	case bytes > withoutCosts(room):
		return free, s.metrics.reject(wire.ErrFull)
	case bytes > withoutCosts(left):
		return free, s.metrics.reject(wire.ErrQuota)
	case own == 0 && len(s.holds) >= maxHolds:
		return free, s.metrics.reject(wire.ErrBusy)
	}
	s.promise(asker, hold{bytes: withCosts(bytes), network: who.network, until: s.now().Add(HoldTime)})
	return free, nil
}

// promise puts h in the place of the asker's hold. The caller holds mu.
func (s *Store) promise(asker peer.ID, h hold) {
	old := s.holds[asker]
	s.held += h.bytes - old.bytes
	add(s.heldBy, old.network, -old.bytes)
	add(s.heldBy, h.network, h.bytes)
	if s.holds[asker] = h; h.bytes == 0 {
		delete(s.holds, asker)
	}
}

// add changes a sum, and forgets it when nothing is left.
func add[K comparable](sums map[K]int64, key K, bytes int64) {
	if sums[key] += bytes; sums[key] == 0 {
		delete(sums, key)
	}
}

// withCosts adds to bytes of shards what their trees and places take: all of it
// for one shard or for many of 1 MiB and more.
func withCosts(bytes int64) int64 { return bytes + bytes/128 + 64 + placeCost }

// withoutCosts is the most b with withCosts(b) ≤ bytes.
func withoutCosts(bytes int64) int64 {
	bytes -= 64 + placeCost
	return max(0, bytes/129*128+min(bytes%129, 127))
}

// reserve charges a transfer for all that it may write: size bytes, in place
// of what it is charged for already. It gives [wire.ErrFull] or
// [wire.ErrQuota].
func (s *Store) reserve(t *transfer, size int64) error {
	diskFree := s.diskFree()
	used, err := s.spent(t.payer)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireHolds()
	own := s.holds[t.payer.peer]
	more := size - t.charge
	if more > s.quotaLeft(t.payer, used) {
		return wire.ErrQuota
	}
	if more > s.room(diskFree, own.bytes) {
		return wire.ErrFull
	}
	s.charge(t, size)
	if drawn := min(own.bytes, max(0, more)); drawn > 0 {
		own.bytes -= drawn
		s.promise(t.payer.peer, own)
	}
	return nil
}

// unreserve ends what reserve has charged.
func (s *Store) unreserve(t *transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.charge(t, 0)
}

// charge sets what a transfer is charged for. The caller holds mu.
func (s *Store) charge(t *transfer, bytes int64) {
	s.inFlight += bytes - t.charge
	add(s.byPeer, t.payer.peer, bytes-t.charge)
	add(s.byNetwork, t.payer.network, bytes-t.charge)
	t.charge = bytes
}

// room is the bytes that nobody has, and that nobody is promised but the one
// whose hold of own bytes asks. The caller holds mu.
func (s *Store) room(diskFree, own int64) int64 {
	promised := s.inFlight + s.held - own
	if s.closed {
		return 0
	}
	return max(0, min(s.capacity-s.count.taken(), diskFree-s.minFree-indexRoom)-promised)
}

// spent is what leases, and those of notes, count against a payer's quotas.
type spent struct{ peer, network int64 }

func (s *Store) spent(who payer) (used spent, err error) {
	if s.perPeer <= 0 && s.perPrefix <= 0 {
		return used, nil
	}
	err = s.view(func(t tx) (err error) {
		used, err = t.spent(who)
		return err
	})
	return used, err
}

func (t tx) spent(who payer) (spent, error) {
	var byPeer, byNetwork spentRow
	if _, err := t.get(peerKey(who.peer), &byPeer); err != nil {
		return spent{}, err
	}
	_, err := t.get(networkKey(who.network), &byNetwork)
	return spent{byPeer.Bytes, byNetwork.Bytes}, err
}

// quotaLeft is what a payer may still store, the peer's own hold aside. The
// caller holds mu.
func (s *Store) quotaLeft(who payer, used spent) int64 {
	left := int64(math.MaxInt64)
	if s.perPeer > 0 {
		left = s.perPeer - used.peer - s.byPeer[who.peer]
	}
	if s.perPrefix > 0 && who.network != "" {
		held := s.heldBy[who.network]
		if own := s.holds[who.peer]; own.network == who.network {
			held -= own.bytes
		}
		left = min(left, s.perPrefix-used.network-s.byNetwork[who.network]-held)
	}
	return max(0, left)
}

// expireHolds takes back what was promised too long ago. The caller holds mu.
func (s *Store) expireHolds() {
	now := s.now()
	for p, h := range s.holds {
		if !now.Before(h.until) {
			s.promise(p, hold{})
		}
	}
}

func (s *Store) diskFree() int64 {
	free, err := s.disk.free(s.dir)
	if err == nil {
		err = s.here()
	}
	if err != nil {
		s.logger.Warn("free space is unknown", "err", err)
		return 0
	}
	return free
}

// charge changes what counts against a payer's quotas.
func (b *batch) charge(who payer, bytes int64) error {
	if err := b.spend(peerKey(who.peer), bytes); err != nil || who.network == "" {
		return err
	}
	return b.spend(networkKey(who.network), bytes)
}

func (b *batch) spend(key []byte, bytes int64) error {
	var row spentRow
	if _, err := b.get(key, &row); err != nil {
		return err
	}
	if row.Bytes += bytes; row.Bytes <= 0 {
		return b.del(key)
	}
	return b.put(key, row)
}
