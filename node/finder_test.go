package node

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
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"

	"github.com/batchain/batchain/shard"

	"github.com/batchain/batchain/shard/exchange"
)

// answers is a routing layer that gives the next round's answer to each lookup.
type answers struct {
	rounds [][]peer.AddrInfo
	asked  int
	slow   time.Duration
	err    error
}

func (a *answers) Closest(ctx context.Context, _ []byte) ([]peer.AddrInfo, error) {
	a.asked++
	if a.slow > 0 {
		select {
		case <-time.After(a.slow):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if a.err != nil || len(a.rounds) == 0 {
		return nil, a.err
	}
	round := a.rounds[0]
	a.rounds = a.rounds[1:]
	return round, nil
}

func (a *answers) Find(context.Context, shard.Locator) iter.Seq[peer.AddrInfo] {
	return slices.Values([]peer.AddrInfo{})
}

func (a *answers) FindPeer(context.Context, peer.ID) (peer.AddrInfo, error) {
	return peer.AddrInfo{}, errors.New("nobody")
}

func strangers(from, n int) []peer.AddrInfo {
	infos := make([]peer.AddrInfo, n)
	for i := range infos {
		infos[i].ID = peer.ID(fmt.Sprintf("peer %03d", from+i))
	}
	return infos
}

func testHost(t *testing.T) host.Host {
	t.Helper()
	net := mocknet.New()
	h, err := net.GenPeer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { net.Close() })
	return h
}

func newFinder(h host.Host, a *answers, met []peer.AddrInfo) *finder {
	return &finder{
		members: func() []peer.AddrInfo { return nil },
		host:    h, routing: a, met: func() []peer.AddrInfo { return met },
		speaks: exchange.ProtocolID("test"), joined: func(context.Context) {},
	}
}

func TestCandidatesEndAfterTwoFruitlessLookups(t *testing.T) {
	h := testHost(t)
	self := peer.AddrInfo{ID: h.ID()}
	a := &answers{rounds: [][]peer.AddrInfo{
		append(strangers(0, 5), self), strangers(3, 4), strangers(0, 7), {self}, strangers(100, 5),
	}}
	got := slices.Collect(newFinder(h, a, strangers(0, 2)).Candidates(t.Context()))
	want := strangers(0, 7)
	if !slices.EqualFunc(got, want, func(a, b peer.AddrInfo) bool { return a.ID == b.ID }) {
		t.Errorf("got %v", got)
	}
	if a.asked != 4 {
		t.Errorf("%d lookups, want 4: the third and fourth brought nobody new", a.asked)
	}
}

func TestCandidatesWithRoutingDown(t *testing.T) {
	a := &answers{err: errors.New("down")}
	got := slices.Collect(newFinder(testHost(t), a, strangers(0, 3)).Candidates(t.Context()))
	if len(got) != 3 || a.asked != fruitlessRounds {
		t.Errorf("got %d candidates after %d lookups", len(got), a.asked)
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	a := &answers{}
	for i := range 10 {
		a.rounds = append(a.rounds, strangers(20*i, 20))
	}
	got := slices.Collect(newFinder(testHost(t), a, nil).Candidates(t.Context()))
	if len(got) != maxCandidates || a.asked != 4 {
		t.Errorf("%d candidates after %d lookups", len(got), a.asked)
	}
}

func TestCandidatesLeaveOutPeersThatKeepNothing(t *testing.T) {
	h := testHost(t)
	infos := strangers(0, 3)
	if err := h.Peerstore().SetProtocols(infos[0].ID, protocol.ID("/other/1")); err != nil {
		t.Fatal(err)
	}
	if err := h.Peerstore().SetProtocols(infos[1].ID, protocol.ID("/other/1"), exchange.ProtocolID("test")); err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(newFinder(h, &answers{}, infos).Candidates(t.Context()))
	if len(got) != 2 || got[0].ID != infos[1].ID || got[1].ID != infos[2].ID {
		t.Errorf("got %v", got)
	}
}

// TestManyGonePeersLeaveRoomForTheLiving: a cache full of peers that are gone
// does not use up the candidates.
func TestManyGonePeersLeaveRoomForTheLiving(t *testing.T) {
	a := &answers{rounds: [][]peer.AddrInfo{strangers(500, 20)}}
	got := slices.Collect(newFinder(testHost(t), a, strangers(0, 200)).Candidates(t.Context()))
	if last := got[len(got)-1]; len(got) != maxMet+20 || last.ID != strangers(519, 1)[0].ID {
		t.Errorf("%d candidates, the last %s", len(got), last.ID)
	}
}

func TestCandidatesEndInTime(t *testing.T) {
	h := testHost(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a := &answers{slow: 3 * time.Second}
		for i := range 10 {
			a.rounds = append(a.rounds, strangers(i, 1))
		}
		got := slices.Collect(newFinder(h, a, nil).Candidates(t.Context()))
		if took := time.Since(start); took != candidatesTime || len(got) != 2 {
			t.Errorf("%d candidates in %s", len(got), took)
		}
	})
}

func TestJoining(t *testing.T) {
	for _, c := range []struct {
		name  string
		hope  bool
		after time.Duration // that somebody is there
		want  time.Duration
	}{
		{"nobody to join", false, time.Hour, 0},
		{"somebody soon", true, 100 * time.Millisecond, 100 * time.Millisecond},
		{"nobody answers", true, time.Hour, joinTime},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			called := false
			j := &joining{
				size: func() int { return int(time.Since(start) / c.after) }, hope: func() bool { return c.hope },
				call: func(context.Context) { called = true }, done: make(chan struct{}),
			}
			go func() { _ = j.Run(t.Context()) }()
			j.wait(t.Context())
			if took := time.Since(start); took != c.want {
				t.Errorf("%s: waited %s, want %s", c.name, took, c.want)
			}
			if synctest.Wait(); !called {
				t.Errorf("%s: nobody was called", c.name)
			}
		})
	}
}
