package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// roomyDisk has as much free space as a test says.
type roomyDisk struct {
	osDisk
	bytes int64
}

func (d *roomyDisk) free(string) (int64, error) { return d.bytes, nil }

func TestHold(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use, func(s *Store) { s.capacity = 1 << 20 })
	a, b := newOwner(t, 1), newOwner(t, 2)
	free, err := h.store.Hold(a.peer, netip.Prefix{}, 0)
	if err != nil || free < 1<<20-13_000 || free > 1<<20 {
		t.Fatalf("asked: %d free, %v", free, err)
	}
	if _, err := h.store.Hold(a.peer, netip.Prefix{}, 900_000); err != nil {
		t.Fatal(err)
	}
	if left, err := h.store.Hold(b.peer, netip.Prefix{}, 900_000); !errors.Is(err, wire.ErrFull) || left > 150_000 || left < 100_000 {
		t.Errorf("second asker: %d free, %v", left, err)
	}
	if again, err := h.store.Hold(a.peer, netip.Prefix{}, 0); again != free || err != nil {
		t.Errorf("the first asker has %d, its hold included; before it was %d", again, free)
	}
	if _, err := h.store.Hold(a.peer, netip.Prefix{}, 950_000); err != nil {
		t.Errorf("a further hold takes the place of the first: %v", err)
	}
	clock.pass(HoldTime)
	if _, err := h.store.Hold(b.peer, netip.Prefix{}, 900_000); err != nil {
		t.Errorf("after a minute: %v", err)
	}
	if u := h.store.Usage(); u.Held != withCosts(900_000) {
		t.Errorf("held %d", u.Held)
	}
}

func TestHoldIsDrawnOn(t *testing.T) {
	h := newHome(t, func(s *Store) { s.capacity = 1 << 20 })
	a, b := newOwner(t, 1), newOwner(t, 2)
	if _, err := h.store.Hold(a.peer, netip.Prefix{}, 1_000_000); err != nil {
		t.Fatal(err)
	}
	data := randomBytes(100_000)
	if _, err := h.store.Receive(t.Context(), b.lot(t, data, 0, 0), sendsNothing(t)); !errors.Is(err, wire.ErrFull) {
		t.Errorf("room of another: %v", err)
	}
	for i := range 10 {
		data := randomBytes(100_000)
		mustReceive(t, h.store, a.lot(t, data, uint32(i), 0), data)
	}
	if u := h.store.Usage(); u.Held > 100 || u.Used != 10*diskSize(100_000) {
		t.Errorf("usage %+v", u)
	}
	checkWhole(t, h.store)
}

// TestHoldIsNoRoom fills the disk by another program's hand after room was
// promised: the promise is broken, not the floor.
func TestHoldIsNoRoom(t *testing.T) {
	room := &roomyDisk{bytes: indexRoom + 2<<20}
	h := newHome(t, func(s *Store) { s.disk = room })
	o := newOwner(t, 1)
	if _, err := h.store.Hold(o.peer, netip.Prefix{}, 1<<20); err != nil {
		t.Fatal(err)
	}
	room.bytes = indexRoom + 100_000
	lot := o.lot(t, randomBytes(500_000), 0, 0)
	if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); !errors.Is(err, wire.ErrFull) {
		t.Errorf("more than the disk has: %v", err)
	}
	if free, err := h.store.Hold(o.peer, netip.Prefix{}, 1<<20); !errors.Is(err, wire.ErrFull) || free > 100_000 || free < 95_000 {
		t.Errorf("held again: %d free, %v", free, err)
	}
}

func TestWithCosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<50).Draw(t, "bytes")
		if most := withoutCosts(n); (most > 0 && withCosts(most) > n) || withCosts(most+1) <= n {
			t.Fatalf("%d is not the most that fits into %d", most, n)
		}
		length := rapid.Uint32Range(1, 1<<24).Draw(t, "length")
		if withCosts(int64(length)) < diskSize(length)+placeCost {
			t.Fatalf("a hold of %d does not cover its shard", length)
		}
	})
}

func TestCapacityCountsInFlight(t *testing.T) {
	h := newHome(t, func(s *Store) { s.capacity = 250_000 })
	o := newOwner(t, 1)
	r, w := io.Pipe()
	asked := make(chan struct{})
	ended := make(chan error)
	slow := randomBytes(200_000)
	go func() {
		_, err := h.store.Receive(context.Background(), o.lot(t, slow, 0, 0), func(int64) (io.Reader, error) {
			close(asked)
			return r, nil
		})
		ended <- err
	}()
	<-asked
	if u := h.store.Usage(); u.InFlight != diskSize(200_000)+placeCost {
		t.Errorf("in flight %d", u.InFlight)
	}
	data := randomBytes(100_000)
	if _, err := h.store.Receive(t.Context(), o.lot(t, data, 1, 0), sendsNothing(t)); !errors.Is(err, wire.ErrFull) {
		t.Errorf("beyond the capacity: %v", err)
	}
	w.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-ended; err == nil {
		t.Error("a broken stream stored a shard")
	}
	mustReceive(t, h.store, o.lot(t, data, 1, 0), data)
	checkWhole(t, h.store)
}

func TestPeerQuota(t *testing.T) {
	h := newHome(t, func(s *Store) { s.perPeer = 250_000 })
	a, b := newOwner(t, 1), newOwner(t, 2)
	second := newOwner(t, 3) // another file of a's
	second.peer = a.peer
	first, more := randomBytes(200_000), randomBytes(100_000)
	mustReceive(t, h.store, a.lot(t, first, 0, 0), first)
	mustReceive(t, h.store, a.lot(t, first, 0, 1), nil)
	if _, err := h.store.Receive(t.Context(), second.lot(t, more, 0, 0), sendsNothing(t)); !errors.Is(err, wire.ErrQuota) {
		t.Errorf("beyond the quota: %v", err)
	}
	if _, err := h.store.Receive(t.Context(), second.lot(t, first, 0, 0), sendsNothing(t)); !errors.Is(err, wire.ErrQuota) {
		t.Errorf("a further lease beyond the quota: %v", err)
	}
	if free, err := h.store.Hold(a.peer, netip.Prefix{}, 60_000); !errors.Is(err, wire.ErrQuota) || free > 50_000 || free < 36_000 {
		t.Errorf("hold: %d free, %v", free, err)
	}
	mustReceive(t, h.store, b.lot(t, more, 0, 0), more)
	h.reopen(t, func(s *Store) { s.perPeer = 250_000 })
	if _, err := h.store.Receive(t.Context(), second.lot(t, more, 1, 0), sendsNothing(t)); !errors.Is(err, wire.ErrQuota) {
		t.Errorf("after a restart: %v", err)
	}
	if _, err := h.store.Delete(a.grant); err != nil {
		t.Fatal(err)
	}
	third := randomBytes(100_000)
	mustReceive(t, h.store, second.lot(t, third, 0, 0), third)
	checkWhole(t, h.store)
}

func TestFreeDiskFloor(t *testing.T) {
	room := &roomyDisk{bytes: indexRoom + 10<<20}
	h := newHome(t, func(s *Store) {
		s.disk = room
		s.minFree = 9 << 20
	})
	o := newOwner(t, 1)
	data := randomBytes(2 << 20)
	lot := o.lot(t, data, 0, 0)
	if u := h.store.Usage(); u.Free != 1<<20 {
		t.Errorf("free %d", u.Free)
	}
	if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); !errors.Is(err, wire.ErrFull) {
		t.Errorf("below the floor: %v", err)
	}
	room.bytes = indexRoom + 20<<20
	mustReceive(t, h.store, lot, data)
}

func TestBadOffers(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	lot := o.lot(t, []byte("some bytes"), 0, 0)
	lot.Offer.Length = 0
	if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("no length: %v", err)
	}
	lot.Offer.Length = 1<<24 + 1
	if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("too long: %v", err)
	}
	lot = o.lot(t, []byte("some bytes"), 0, 0)
	lot.Offer.Lease = uint32(500 * 24 * time.Hour / time.Second)
	if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("lease of 500 days: %v", err)
	}
	lot = o.lot(t, []byte("some bytes"), 0, 0)
	lot.Offer.Length--
	_, err := h.store.Receive(t.Context(), lot, func(int64) (io.Reader, error) { return bytes.NewReader([]byte("some byte")), nil })
	if !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("a length that is not the shard's: %v", err)
	}
	checkWhole(t, h.store)
}

// TestIndexFloor writes nothing to an index whose disk is full, and works on
// when there is room again.
func TestIndexFloor(t *testing.T) {
	room := &roomyDisk{bytes: 1 << 30}
	h := newHome(t, func(s *Store) { s.disk = room })
	o := newOwner(t, 1)
	data := randomBytes(1000)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	room.bytes = indexFloor - 1
	if _, err := h.store.Receive(t.Context(), o.lot(t, data, 0, 1), sendsNothing(t)); !errors.Is(err, wire.ErrFull) {
		t.Errorf("lease: %v", err)
	}
	if _, err := h.store.Delete(o.grant); !errors.Is(err, wire.ErrFull) {
		t.Errorf("delete: %v", err)
	}
	h.reopen(t, func(s *Store) { s.disk = room })
	if !bytes.Equal(readShard(t, h.store, shard.Sum(data)), data) {
		t.Error("bytes differ")
	}
	room.bytes = 1 << 30
	if n, err := h.store.Delete(o.grant); n != 1 || err != nil {
		t.Errorf("deleted %d: %v", n, err)
	}
	checkWhole(t, h.store)
}

// TestNetworkQuota holds peers of one network to their share together: what is
// stored, on its way and held counts, a restart changes nothing, and other
// networks and loopback are free of it.
func TestNetworkQuota(t *testing.T) {
	bound := func(s *Store) { s.perPrefix = 250_000 }
	h := newHome(t, bound)
	near, far := netip.MustParsePrefix("192.0.2.77/24"), netip.MustParsePrefix("2001:db8::/48")
	same := netip.MustParsePrefix("192.0.2.0/24")
	a, b, c := newOwner(t, 1), newOwner(t, 2), newOwner(t, 3)
	offer := func(o *owner, from netip.Prefix, n int, segment uint32) (shard.Lot, []byte) {
		data := randomBytes(n)
		lot := o.lot(t, data, segment, 0)
		lot.From = from
		return lot, data
	}
	refused := func(o *owner, from netip.Prefix, n int) {
		t.Helper()
		lot, _ := offer(o, from, n, 99)
		if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); !errors.Is(err, wire.ErrQuota) {
			t.Errorf("beyond the network's quota: %v", err)
		}
	}
	stored, data := offer(a, near, 100_000, 0)
	mustReceive(t, h.store, stored, data)
	broken, _ := offer(b, same, 100_000, 0)
	breakOff(t, h.store, broken, 90_000)
	refused(c, same, 80_000)
	h.reopen(t, bound)
	refused(c, same, 80_000)
	if _, err := h.store.Hold(c.peer, same, 55_000); err != nil {
		t.Fatal(err)
	}
	refused(a, same, 30_000)
	if free, err := h.store.Hold(a.peer, same, 30_000); !errors.Is(err, wire.ErrQuota) || free > 10_000 {
		t.Errorf("hold beside another's: %d free, %v", free, err)
	}
	if _, err := h.store.Hold(c.peer, same, 50_000); err != nil {
		t.Errorf("a hold in place of its own: %v", err)
	}
	for i, from := range []netip.Prefix{far, {}} {
		lot, data := offer(c, from, 200_000, uint32(i))
		mustReceive(t, h.store, lot, data)
	}
	if _, err := h.store.Delete(a.grant); err != nil {
		t.Fatal(err)
	}
	lot, data := offer(c, same, 100_000, 5)
	mustReceive(t, h.store, lot, data)
	checkWhole(t, h.store)
}

// TestFourInSix counts IPv4 in the form of IPv6 against the same network.
func TestFourInSix(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.7/24":          "192.0.2.0/24",
		"::ffff:192.0.2.7/120":  "192.0.2.0/24",
		"::ffff:192.0.2.7/128":  "192.0.2.7/32",
		"::ffff:192.0.2.7/96":   "0.0.0.0/0",
		"::ffff:192.0.2.7/48":   "::/48",
		"2001:db8:0:1::1/48":    "2001:db8::/48",
		"::fffe:192.0.2.7/120":  "::fffe:c000:200/120",
		"64:ff9b::c000:207/120": "64:ff9b::c000:200/120",
	} {
		got, err := payerOf("x", netip.MustParsePrefix(from)).prefix()
		if err != nil || got.String() != want {
			t.Errorf("%s counts against %s, not %s: %v", from, got, want, err)
		}
	}
	h := newHome(t, func(s *Store) { s.perPrefix = 250_000 })
	o, data := newOwner(t, 1), randomBytes(200_000)
	lot := o.lot(t, data, 0, 0)
	lot.From = netip.MustParsePrefix("::ffff:192.0.2.0/120")
	mustReceive(t, h.store, lot, data)
	if _, err := h.store.Hold(peerOf(t, 2), netip.MustParsePrefix("192.0.2.0/24"), 100_000); !errors.Is(err, wire.ErrQuota) {
		t.Errorf("hold from the same network: %v", err)
	}
}

// TestTinyShards stores shards of one byte, and then one shard in many places:
// the index that they take counts, against each bound.
func TestTinyShards(t *testing.T) {
	const room, most = 100_000, 100_000 / placeCost
	for name, bound := range map[string]func(*Store){
		"capacity": func(s *Store) { s.capacity = room },
		"peer":     func(s *Store) { s.perPeer = room },
		"network":  func(s *Store) { s.perPrefix = room },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t, bound)
			o := newOwner(t, 1)
			from := netip.MustParsePrefix("192.0.2.0/24")
			fill := func(data func(i int) []byte) (stored int) {
				for i := range 2 * most {
					lot := o.lot(t, data(i), uint32(i), 0)
					lot.From = from
					_, err := h.store.Receive(t.Context(), lot, sends(data(i)))
					if errors.Is(err, wire.ErrQuota) || errors.Is(err, wire.ErrFull) {
						return stored
					}
					if err != nil {
						t.Fatal(err)
					}
					stored++
				}
				return stored
			}
			if n := fill(func(i int) []byte { return []byte{byte(i)} }); n != most {
				t.Errorf("%d shards of a byte in %d bytes", n, room)
			}
			checkWhole(t, h.store)
			if _, err := h.store.Delete(o.grant); err != nil {
				t.Fatal(err)
			}
			if u := h.store.Usage(); u.Places != 0 {
				t.Errorf("usage %+v", u)
			}
			o = newOwner(t, 2)
			if n := fill(func(int) []byte { return []byte("same") }); n != most {
				t.Errorf("one shard in %d places in %d bytes", n, room)
			}
			checkWhole(t, h.store)
			h.reopen(t, bound)
			if n := fill(func(i int) []byte { return []byte{byte(i)} }); n != 0 {
				t.Errorf("%d shards more after a restart", n)
			}
		})
	}
}
