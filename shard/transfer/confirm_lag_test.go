package transfer

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// frost is hosts that take shards and then say nothing when they are to confirm
// them, until they are woken.
type frost struct {
	mu    sync.Mutex
	order []peer.ID // who was asked, each as often as it was
	nth   []int     // which of the hosts freeze, in the order in which they are asked first
	awake chan struct{}
	wake  func()
}

// frosty is a host's store.
type frosty struct {
	exchange.Store
	f    *frost
	host peer.ID
}

func (s frosty) Renew(g shard.Grant, spots []shard.Spot, lease time.Duration, after []byte, limit int) ([]shard.Held, []byte, error) {
	if slices.Contains(s.f.frozen(s.host), s.host) {
		<-s.f.awake
	}
	return s.Store.Renew(g, spots, lease, after, limit)
}

// frozen notes that a host is asked, and returns the frozen hosts.
func (f *frost) frozen(asked ...peer.ID) (hosts []peer.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.order = append(f.order, asked...)
	var first []peer.ID
	for _, h := range f.order {
		if !slices.Contains(first, h) {
			first = append(first, h)
		}
	}
	for _, n := range f.nth {
		if n < len(first) {
			hosts = append(hosts, first[n])
		}
	}
	return hosts
}

// frostBed has hosts of which the nth freeze; a host need not be silent for long
// to be passed over.
func frostBed(t *testing.T, hosts int, nth ...int) (*bed, *frost) {
	b := newBed(t, hosts)
	b.times.Answer = time.Second
	b.cut(twoThree, segmentSize)
	b.engine.confirmFloor = 200 * time.Millisecond
	f := &frost{nth: nth, awake: make(chan struct{})}
	f.wake = sync.OnceFunc(func() { close(f.awake) })
	for _, k := range b.hosts {
		k.stop()
		k.keeps = frosty{k.store, f, k.host.ID()}
		k.serve(t)
	}
	t.Cleanup(f.wake)
	return b, f
}

const frostSegments = 4

// putFrozen puts a file of four segments, which must not take as long as one
// RENEW may.
func (b *bed) putFrozen(opts PutOptions) (PutResult, []byte) {
	b.t.Helper()
	path, content := b.file("f", frostSegments*(segmentSize-shard.SealOverhead))
	began := time.Now()
	r := b.put(path, opts)
	if took := time.Since(began); took > renewLimit/2 {
		b.t.Errorf("the put took %s", took)
	}
	b.apart(r.Manifest)
	return r, content
}

// A host that freezes once it has everything is passed over for a spare; what it
// confirms when it wakes up is not counted on. Who has confirmed all is not asked
// again, and only the shards of the frozen host are sent again.
func TestFrozenHostIsPassedOverForASpare(t *testing.T) {
	b, f := frostBed(t, 6, 0)
	r, content := b.putFrozen(PutOptions{Scheme: twoThree})
	bad := f.frozen()[0]
	if n := b.holds(r.Manifest, bad); r.Shortfall != "" || n != 0 || !slices.Equal(r.Silent, []peer.ID{bad}) {
		t.Errorf("%+v; %d shards are said to be with the frozen host", r, n)
	}
	if sent := b.delivered(); sent != frostSegments*6*segmentSize/2 {
		t.Errorf("%d bytes were sent, one host's shards twice and the others' once are %d", sent, frostSegments*6*segmentSize/2)
	}
	if asked := slices.Clone(f.order); len(asked) != 6 {
		t.Errorf("%d times a host was asked to confirm, there are 6", len(asked))
	}
	f.wake()
	poll(t, func() bool { return b.drafts() == 0 })
	b.get(r.Manifest, content)
}

// The spare that steps in freezes as well, and another does.
func TestSpareThatFreezesIsPassedOver(t *testing.T) {
	b, f := frostBed(t, 7, 0, 5)
	r, content := b.putFrozen(PutOptions{Scheme: twoThree})
	for _, bad := range f.frozen() {
		if n := b.holds(r.Manifest, bad); n != 0 {
			t.Errorf("%d shards are said to be with a frozen host", n)
		}
	}
	if r.Shortfall != "" || len(r.Silent) != 2 {
		t.Errorf("%+v", r)
	}
	b.get(r.Manifest, content)
}

// Nobody is passed over when nobody can step in: of two that are late and one
// spare one is waited for, and the only one without any spare.
func TestLateHostIsWaitedForWithoutASpare(t *testing.T) {
	for name, nth := range map[string][]int{"no spare": {0}, "one spare": {0, 1}} {
		t.Run(name, func(t *testing.T) {
			b, f := frostBed(t, 4+len(nth), nth...)
			time.AfterFunc(3*time.Second, f.wake)
			r, content := b.putFrozen(PutOptions{Scheme: twoThree})
			if r.Shortfall != "" || r.Hosts != 5 || len(r.Silent) != len(nth)-1 {
				t.Errorf("%+v", r)
			}
			b.get(r.Manifest, content)
		})
	}
}

// A host that stalls in the middle of a put has had its time: without a spare
// the put ends with what the others have, and the file is not read again.
func TestStalledHostIsNotWaitedForTwice(t *testing.T) {
	b, f := frostBed(t, 5)
	b.times.Idle = time.Minute
	b.restart()
	b.engine.confirmFloor = 200 * time.Millisecond
	k := b.hosts[0]
	offers := make(chan struct{}, 2)
	k.admit(func(bytes int64) error {
		select {
		case offers <- struct{}{}: // ASK, and the first shard
		default:
			<-f.awake
		}
		return nil
	})
	k.stop()
	k.keeps = frosty{k.store, &frost{nth: []int{0}, awake: f.awake}, k.host.ID()}
	k.serve(t)
	t.Cleanup(f.wake)
	path, content := b.file("f", frostSegments*(segmentSize-shard.SealOverhead))
	began := time.Now()
	r, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, func(p Progress) {
		if p.Note != "" {
			t.Errorf("though nobody can step in: %s", p.Note)
		}
	})
	if err != nil || r.Shortfall == "" || r.Hosts != 4 || !slices.Equal(r.Silent, []peer.ID{k.host.ID()}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if took := time.Since(began); took > renewLimit/2 {
		t.Errorf("the put took %s", took)
	}
	b.get(r.Manifest, content)
}

func TestHowLongAHostMaySayNothing(t *testing.T) {
	const floor = time.Second
	e := &Engine{confirmFloor: floor}
	for _, tc := range []struct {
		name          string
		answered      int // of ten hosts
		took          time.Duration
		silent, roomy bool
		again         bool
		want          time.Duration // 0: no limit
	}{
		{name: "nobody has answered", roomy: true},
		{name: "few have answered", answered: 4, took: 1, roomy: true},
		{name: "half have answered", answered: 5, took: 1, roomy: true, want: floor},
		{name: "half have answered slowly", answered: 5, took: floor, roomy: true, want: lagFactor * floor},
		{name: "nobody can step in", answered: 9, took: 1},
		{name: "silent before", answered: 5, took: 1, silent: true, roomy: true, want: lagFloor},
		{name: "silent before, all are slow", answered: 5, took: floor, silent: true, roomy: true, want: lagFactor * floor},
		{name: "silent before, few have answered", answered: 4, took: 1, silent: true, roomy: true, want: floor},
		{name: "silent before, nobody can step in", answered: 9, took: 1, silent: true, want: floor},
		{name: "a later round", took: 1, roomy: true, again: true, want: floor},
	} {
		c := &confirmation{p: &put{e: e}, hosts: names(10), kept: map[peer.ID]kept{}, again: tc.again}
		for _, h := range names(tc.answered) {
			c.kept[h] = kept{}
		}
		if tc.took > 0 {
			c.times = append(c.times, tc.took)
		}
		got, ok := c.limit(tc.silent, tc.roomy)
		if ok != (tc.want > 0) || ok && got != tc.want {
			t.Errorf("%s: %s, %v", tc.name, got, ok)
		}
	}
}

// Who stands in the roster as silent: only a host that gave no answer.
func TestSilentHosts(t *testing.T) {
	r := newRoster(twoThree, names(5), false)
	for i, err := range []error{wire.ErrFull, exchange.ErrProtocol, errForgot, errLagging, wire.ErrTimeout} {
		h := names(5)[i]
		if r.lose(h, err); r.silent(h) != (i > 2) || !r.gaveUp(h) {
			t.Errorf("%v: silent is %v", err, r.silent(h))
		}
	}
	if len(r.allSilent()) != 2 {
		t.Errorf("silent: %v", r.allSilent())
	}
	r.succeeded(names(5)[4])
	if len(r.allSilent()) != 1 || !r.gaveUp(names(5)[4]) {
		t.Error("a host that answers is silent")
	}
}
