package transfer

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

var errAway = errors.New("connection refused")

func names(count int) (ids []peer.ID) {
	for i := range count {
		ids = append(ids, peer.ID(fmt.Sprint("host ", i)))
	}
	return ids
}

// Whatever fails, lags or comes back: a host never has more shards of a segment
// than it may, and a host that was given up gets none.
func TestNoHostHasTwoShards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := shard.Scheme{Data: rapid.IntRange(1, 8).Draw(t, "data"), Parity: rapid.IntRange(0, 12).Draw(t, "parity")}
		hosts := names(rapid.IntRange(1, 25).Draw(t, "hosts"))
		colocate := rapid.Bool().Draw(t, "colocate")
		most := 1
		if colocate {
			most = (s.Shards() + len(hosts) - 1) / len(hosts)
		}
		r, l, at := newRoster(s, hosts, colocate), load{}, map[int]peer.ID{}
		segment := rapid.Uint32().Draw(t, "segment")
		for index := range s.Shards() {
			if h, ok := r.assign(segment, index, l); ok {
				at[index] = h
			}
		}
		if want := min(s.Shards(), len(hosts)*most); len(at) != want {
			t.Fatalf("%d shards of %s are assigned to %d hosts, want %d", len(at), s, len(hosts), want)
		}
		now := time.Unix(0, 0)
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			index := rapid.IntRange(0, s.Shards()-1).Draw(t, "index")
			h, placed := at[index]
			if !placed {
				continue
			}
			lost := true
			switch rapid.IntRange(0, 3).Draw(t, "event") {
			case 0:
				r.succeeded(h)
				continue
			case 1:
				now = now.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "seconds")) * time.Second)
				lost = !r.failed(h, errAway, now, patience)
			case 2:
				r.lose(h, wire.ErrDamaged)
			case 3:
				heir, ok := r.supplant(h, errLagging, l)
				if !ok {
					continue
				}
				r.release(h, l)
				at[index] = heir
				check(t, r, at, l, most, index, h)
				continue
			}
			delete(at, index)
			next, ok := r.replace(h, l)
			if ok {
				at[index] = next
			}
			if lost {
				check(t, r, at, l, most, index, h)
			}
		}
	})
}

// check looks at the places after host was given up for index.
func check(t *rapid.T, r *roster, at map[int]peer.ID, l load, most, index int, host peer.ID) {
	count := load{}
	for _, h := range at {
		count[h]++
	}
	for h, n := range count {
		if n > most || l[h] != n {
			t.Fatalf("%s has %d shards, %d are counted, at most %d", h, n, l[h], most)
		}
	}
	if at[index] == host || r.reasons() == nil {
		t.Fatalf("index %d stays with %s, which was given up", index, host)
	}
}

func TestPlacesRotate(t *testing.T) {
	s := shard.Scheme{Data: 2, Parity: 3}
	r := newRoster(s, names(7), false)
	first := map[peer.ID]int{}
	for segment := range uint32(10) {
		l := load{}
		for index := range s.Shards() {
			h, ok := r.assign(segment, index, l)
			if !ok {
				t.Fatal("no host")
			}
			if slices.Contains(r.spares, h) {
				t.Fatalf("segment %d: the spare %s got bytes though nothing failed", segment, h)
			}
			if index == 0 {
				first[h]++
			}
		}
	}
	for h, n := range first {
		if n != 2 {
			t.Errorf("%s has index 0 of %d segments of 10", h, n)
		}
	}
}

func TestSpareTakesAPlaceForGood(t *testing.T) {
	r := newRoster(shard.Scheme{Data: 1, Parity: 1}, names(3), false)
	l := load{}
	gone, _ := r.assign(0, 0, l)
	kept, _ := r.assign(0, 1, l)
	r.lose(gone, wire.ErrFull)
	spare, ok := r.replace(gone, l)
	if !ok || spare == gone || spare == kept {
		t.Fatalf("%s takes over", spare)
	}
	for segment := range uint32(4) {
		l := load{}
		a, _ := r.assign(segment, 0, l)
		b, _ := r.assign(segment, 1, l)
		if a == gone || b == gone || a == b {
			t.Errorf("segment %d is with %s and %s", segment, a, b)
		}
	}
	if why := r.reasons(); len(why) != 1 || why["full"] != 1 {
		t.Errorf("%v", why)
	}
}

func TestPatience(t *testing.T) {
	r := newRoster(shard.Scheme{Data: 1, Parity: 1}, names(2), false)
	now := time.Unix(1000, 0)
	h := names(1)[0]
	if !r.failed(h, errAway, now, patience) || !r.failed(h, errAway, now.Add(patience-1), patience) {
		t.Error("given up too soon")
	}
	r.succeeded(h)
	if !r.failed(h, errAway, now.Add(patience), patience) {
		t.Error("what was before a success counts")
	}
	l := load{h: 1}
	if next, ok := r.replace(h, l); !ok || next == h {
		t.Errorf("%q replaces a host that fails, though another does not", next)
	}
	if r.failed(h, errAway, now.Add(2*patience), patience) || r.reasons()["unreachable"] != 1 {
		t.Error("not given up")
	}
	if r.failed(h, errAway, now.Add(2*patience+1), patience) {
		t.Error("a host that was given up is tried again by another transfer")
	}
}

func TestJudge(t *testing.T) {
	s := shard.Scheme{Data: 8, Parity: 12}
	for have := range s.Shards() + 1 {
		p := &put{scheme: s, roster: newRoster(s, names(20), false), known: 30}
		d := p.newDelivery(&segment{shards: s.Split(make([]byte, 20*64), 64)})
		for index := range have {
			d.placed = append(d.placed, placedShard{Index: uint8(index)})
		}
		err := d.judge()
		short, _ := err.(*ShortError)
		switch {
		case have < 16 && (short == nil || short.Have != have || short.Need != 16 || short.Known != 30):
			t.Errorf("%d of 20: %v", have, err)
		case have >= 16 && (err != nil || (p.missing == "") != (have == 20)):
			t.Errorf("%d of 20: %v, %q", have, err, p.missing)
		}
		if d.ids[19] == (shard.ID{}) {
			t.Fatal("a shard that nobody took has no id in the manifest")
		}
	}
}
