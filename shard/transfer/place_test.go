package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// yes makes answers of hosts that have this many bytes free; 0 is a refusal.
func yes(free ...int64) (answers []answer) {
	for i, n := range free {
		answers = append(answers, answer{peer: peer.ID(fmt.Sprintf("host %02d", i)), free: n, takes: n > 0, why: "full"})
	}
	return answers
}

func repeat(count int, free int64) (all []int64) {
	for range count {
		all = append(all, free)
	}
	return all
}

func TestSettle(t *testing.T) {
	const plenty = 1 << 40
	scheme := func(data, parity int) shard.Scheme { return shard.Scheme{Data: data, Parity: parity} }
	for name, tc := range map[string]struct {
		wish   wishes
		free   []int64
		scheme shard.Scheme
		hosts  int
	}{
		"nobody":                     {wishes{size: 1}, nil, shard.Scheme{}, 0},
		"all refuse":                 {wishes{size: 1}, repeat(5, 0), shard.Scheme{}, 0},
		"one":                        {wishes{size: 1}, repeat(1, plenty), scheme(1, 0), 1},
		"22":                         {wishes{size: 1 << 30}, repeat(22, plenty), scheme(8, 12), 22},
		"archive with 28":            {wishes{size: 1 << 30, durability: shard.DurabilityArchive}, repeat(28, plenty), scheme(8, 16), 28},
		"archive with 27":            {wishes{size: 1 << 30, durability: shard.DurabilityArchive}, repeat(27, plenty), scheme(8, 12), 27},
		"low":                        {wishes{size: 1 << 30, durability: shard.DurabilityLow}, repeat(22, plenty), scheme(8, 6), 22},
		"small":                      {wishes{size: 9, small: true}, repeat(22, plenty), scheme(1, 4), 22},
		"asked for":                  {wishes{size: 9, scheme: scheme(4, 4)}, repeat(3, plenty), scheme(4, 4), 3},
		"unknown size":               {wishes{size: -1}, repeat(5, 1), scheme(2, 3), 5},
		"no room at all":             {wishes{size: 1 << 30}, repeat(22, 100), shard.Scheme{}, 0},
		"two hosts too small":        {wishes{size: 800}, append(repeat(22, 200), 50, 50), scheme(8, 12), 22},
		"room for a lower rung only": {wishes{size: 800}, append(repeat(8, 300), repeat(14, 50)...), scheme(4, 4), 8},
		// 9 hosts with 150 each: 8+12 fits 22 hosts, 4+4 needs 201 of each.
		"a lower rung does not fit": {wishes{size: 800}, append(repeat(9, 150), repeat(2, 900)...), scheme(1, 1), 2},
		"colocated":                 {wishes{size: 800, scheme: scheme(4, 4), colocate: true}, repeat(2, 900), scheme(4, 4), 2},
		"colocated without room":    {wishes{size: 800, scheme: scheme(4, 4), colocate: true}, repeat(2, 700), scheme(4, 4), 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, hosts := tc.wish.settle(yes(tc.free...))
			if got != tc.scheme || len(hosts) != tc.hosts {
				t.Errorf("scheme %s on %d hosts, want %s on %d", got, len(hosts), tc.scheme, tc.hosts)
			}
		})
	}
}

func TestSettledHostsHaveRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		free := rapid.SliceOfN(rapid.Int64Range(0, 2000), 0, 40).Draw(t, "free")
		w := wishes{size: rapid.Int64Range(0, 4000).Draw(t, "size"), colocate: rapid.Bool().Draw(t, "colocate")}
		if w.colocate {
			w.scheme = shard.Scheme{Data: 4, Parity: 4}
		}
		scheme, hosts := w.settle(yes(free...))
		share := (w.size + int64(max(scheme.Data, 1)) - 1) / int64(max(scheme.Data, 1))
		for _, h := range hosts {
			if !h.takes || h.free < share*int64(shardsPerHost(scheme, len(hosts))) && len(hosts) < scheme.Shards() || h.free < share {
				t.Fatalf("scheme %s of %d bytes on %d hosts, one has %d bytes", scheme, w.size, len(hosts), h.free)
			}
		}
		if w.scheme == (shard.Scheme{}) && len(hosts) > 0 && len(hosts) < scheme.Shards() {
			t.Fatalf("scheme %s on %d hosts", scheme, len(hosts))
		}
	})
}

func TestSpreadOverNetworks(t *testing.T) {
	var hosts []answer
	for i := range 12 {
		hosts = append(hosts, answer{peer: peer.ID(fmt.Sprint(i)), group: []string{"10.0.0.0/24", "10.0.1.0/24", "fd00::/48"}[min(i/4, 2)]})
	}
	orders := map[string]bool{}
	for n := range byte(20) {
		got := spread(slices.Clone(hosts), shard.FileID{n})
		for at := 0; at < 12; at += 3 {
			seen := map[string]bool{}
			for _, h := range got[at : at+3] {
				seen[h.group] = true
			}
			if len(seen) != 3 {
				t.Fatalf("hosts %d to %d are of the networks %v", at, at+3, seen)
			}
		}
		again := slices.Clone(hosts)
		slices.Reverse(again)
		if again = spread(again, shard.FileID{n}); !slices.Equal(got, again) {
			t.Fatalf("one file, two orders: %v, %v", got, again)
		}
		orders[fmt.Sprint(got)] = true
	}
	if len(orders) < 15 {
		t.Errorf("20 files have %d orders", len(orders))
	}
}

// A finder that never ends does not keep a put from starting.
func TestGatherEndsByItself(t *testing.T) {
	b := newBed(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	answers := b.engine.gather(ctx, func(ctx context.Context) iter.Seq[peer.AddrInfo] {
		return func(yield func(peer.AddrInfo) bool) {
			yield(b.hosts[0].info())
			yield(b.hosts[0].info())                    // told twice
			yield(peer.AddrInfo{ID: b.owner.ID()})      // ourselves
			yield(peer.AddrInfo{ID: peer.ID(testHost)}) // of no address
			<-ctx.Done()
		}
	}, 1, shard.LeaseDefault, 1)
	if len(answers) != 2 || answers[0].takes == answers[1].takes {
		t.Errorf("%+v", answers)
	}
}

// deaf is a host whose peers cannot be dialled, or never answer.
type deaf struct {
	host.Host
	silent peer.ID
}

func (d deaf) NewStream(ctx context.Context, p peer.ID, _ ...protocol.ID) (network.Stream, error) {
	if p == d.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, errors.New("no way leads there")
}

// Who cannot be reached is a no as soon as that is known; only silence is waited for.
func TestGatherWaitsForSilenceOnly(t *testing.T) {
	owner, _ := newHost(t)
	for silent, want := range map[peer.ID]time.Duration{"": 0, "b": askTime} {
		synctest.Test(t, func(t *testing.T) {
			h := deaf{owner, silent}
			e := New(Config{Host: h, Client: exchange.NewClient(h, mesh, exchange.Timeouts{}), Mesh: mesh})
			began := time.Now()
			answers := e.gather(t.Context(), func(context.Context) iter.Seq[peer.AddrInfo] {
				return func(yield func(peer.AddrInfo) bool) {
					_ = yield(peer.AddrInfo{ID: "a"}) && yield(peer.AddrInfo{ID: "b"}) && yield(peer.AddrInfo{ID: "c"})
				}
			}, 1, shard.LeaseDefault, 1)
			if took := time.Since(began); took != want {
				t.Errorf("with %q silent it took %s, want %s", silent, took, want)
			}
			if len(answers) != 3 || slices.ContainsFunc(answers, func(a answer) bool { return a.takes || a.why == "" }) {
				t.Errorf("with %q silent: %+v", silent, answers)
			}
		})
	}
}
