package transfer

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// hearsay is what is said of peers; of others nothing.
type hearsay map[peer.ID]Standing

func (h hearsay) Standing(p peer.ID) Standing {
	if s, ok := h[p]; ok {
		return s
	}
	return Standing{Free: -1}
}

// say has the owner's engine believe that.
func (b *bed) say(h hearsay) { b.engine.cfg.Members = h }

// dialled records whom the owner comes to be connected to.
func (b *bed) dialled() func(*keeper) bool {
	var mu sync.Mutex
	met := map[peer.ID]bool{}
	b.owner.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		mu.Lock()
		defer mu.Unlock()
		met[c.RemotePeer()] = true
	}})
	return func(k *keeper) bool {
		mu.Lock()
		defer mu.Unlock()
		return met[k.host.ID()]
	}
}

func TestWhoIsSaidToBeGoneOrFullIsNotDialled(t *testing.T) {
	b := newBed(t, 8)
	dialled := b.dialled()
	b.say(hearsay{
		b.hosts[0].host.ID(): {Life: Gone, Free: 1 << 40},
		b.hosts[1].host.ID(): {Life: Doubtful, Free: 1 << 40},
		b.hosts[2].host.ID(): {Life: Alive, Free: 10},
		b.hosts[3].host.ID(): {Life: Alive, Free: 1 << 40},
	})
	path, _ := b.file("f", 1<<20)
	r, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, func(Progress) {})
	if err != nil || r.Hosts != 5 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, k := range b.hosts {
		if dialled(k) != (i > 2) {
			t.Errorf("host %d is dialled: %v", i, dialled(k))
		}
	}
}

// What is said of peers may be wrong, about all of them: a put that could
// succeed does.
func TestWrongHearsayFailsNoPut(t *testing.T) {
	for name, c := range map[string]struct {
		said  Standing
		about int // hosts that it is said of
		opts  PutOptions
		hosts int // that are used
	}{
		"all are gone":               {Standing{Life: Gone, Free: -1}, 8, PutOptions{}, 8},
		"all are full":               {Standing{Life: Alive, Free: 0}, 8, PutOptions{}, 8},
		"most are gone":              {Standing{Life: Gone, Free: -1}, 5, PutOptions{}, 8},
		"more are needed":            {Standing{Life: Doubtful, Free: -1}, 2, PutOptions{Scheme: shard.Scheme{Data: 4, Parity: 4}}, 8},
		"few are gone, for its word": {Standing{Life: Gone, Free: -1}, 2, PutOptions{}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 8)
			h := hearsay{}
			for _, k := range b.hosts[:c.about] {
				h[k.host.ID()] = c.said
			}
			b.say(h)
			path, content := b.file("f", 1<<20)
			r, err := b.engine.Put(t.Context(), Source{Path: path}, c.opts, func(Progress) {})
			if err != nil {
				t.Fatal(err)
			}
			if scheme := r.Scheme; r.Hosts < min(scheme.Shards(), c.hosts) || scheme != shard.SchemeFor(c.hosts, shard.DurabilityNormal) {
				t.Errorf("scheme %s on %d hosts", scheme, r.Hosts)
			}
			b.get(r.Manifest, content)
		})
	}
}

// Hosts that were named are asked, whatever is said of them.
func TestNamedHostsAreAsked(t *testing.T) {
	b := newBed(t, 6)
	h := hearsay{}
	for _, k := range b.hosts[:2] {
		h[k.host.ID()] = Standing{Life: Gone, Free: 0}
	}
	b.say(h)
	path, _ := b.file("f", 1<<20)
	var named []peer.AddrInfo
	for _, k := range b.hosts[:5] {
		named = append(named, k.info())
	}
	r, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{Hosts: named}, func(Progress) {})
	if err != nil || r.Hosts != 5 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSpreadPrefersRoomAndTime(t *testing.T) {
	var hosts []answer
	for i := range 12 {
		a := answer{peer: peer.ID(string(rune('a' + i))), group: []string{"10.0.0.0/24", "10.0.1.0/24"}[i%2]}
		if i < 6 {
			a.class = Standing{Load: busy, Free: -1}.class(100, 1000)
		}
		hosts = append(hosts, a)
	}
	for n := range byte(10) {
		got := spread(slices.Clone(hosts), shard.FileID{n})
		for i, h := range got {
			if want := min(i/6, 1); h.class != want {
				t.Fatalf("host %d has class %d: %v", i, h.class, got)
			}
		}
	}
	if (Standing{Free: -1}).class(100, 399) != 1 || (Standing{Free: -1}).class(100, 400) != 0 {
		t.Error("little room is no worse than much")
	}
}

// The network that a peer says it is in counts where its connection shows none.
func TestNetworksThatAreSaidArePreferred(t *testing.T) {
	b := newBed(t, 6)
	h := hearsay{}
	for i, k := range b.hosts {
		h[k.host.ID()] = Standing{Life: Alive, Free: -1, Network: []string{"192.0.2.0/24", "198.51.100.0/24"}[min(i/5, 1)]}
	}
	b.say(h)
	answers := b.engine.gather(t.Context(), b.Candidates, 1, shard.LeaseDefault, 1)
	for n := range byte(10) {
		order := spread(slices.Clone(answers), shard.FileID{n})
		if order[0].group == order[1].group {
			t.Errorf("the first two are both of %s", order[0].group)
		}
	}
}

// A get begins with those that live, and does without them when they are gone.
func TestGetAsksTheLivingFirst(t *testing.T) {
	b := newBed(t, 5)
	path, content := b.file("f", 1<<20)
	r, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, func(Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	m := b.open(r.Manifest)
	for segment, err := range m.Segments() {
		if err != nil {
			t.Fatal(err)
		}
		gone := m.Hosts[segment.Placed[0].Host].ID
		h := newHolders(m.Hosts, hearsay{gone: {Life: Gone, Free: -1}}.Standing)
		if all := h.sources(segment, m.Scheme); all[len(all)-1].host != gone {
			t.Errorf("the one that is gone is not the last: %v", all)
		}
	}
	everybody := hearsay{}
	for _, k := range b.hosts {
		everybody[k.host.ID()] = Standing{Life: Gone, Free: 0}
	}
	b.say(everybody)
	b.get(r.Manifest, content)
}

// A repair does not dial who is said to be gone, unless nobody else does.
func TestTakersAreAskedByHearsayFirst(t *testing.T) {
	b := newBed(t, 3)
	b.say(hearsay{b.hosts[0].host.ID(): {Life: Gone, Free: -1}})
	dialled := b.dialled()
	takers := b.engine.newTakers(1, shard.LeaseDefault, nil)
	any := func(answer) int { return 0 }
	if _, ok := takers.pick(t.Context(), spot{length: 1}, any); !ok || dialled(b.hosts[0]) {
		t.Errorf("somebody takes it: %v, the one that is gone is dialled: %v", ok, dialled(b.hosts[0]))
	}
	takers.asked = time.Now().Add(-roomSooner)
	only := func(a answer) int {
		if a.peer == b.hosts[0].host.ID() {
			return 0
		}
		return -1
	}
	if p, ok := takers.pick(t.Context(), spot{length: 1}, only); !ok || p != b.hosts[0].host.ID() {
		t.Errorf("nobody else does: %v, %s", ok, strings.TrimSpace(p.String()))
	}
}
