package transfer

import (
	"context"
	"crypto/sha256"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// putWith puts and calls event once, when some receipts are in.
func (b *bed) putWith(path string, event func()) PutResult {
	b.t.Helper()
	once := sync.OnceFunc(event)
	count := 0
	r, err := b.engine.Put(b.t.Context(), Source{Path: path}, PutOptions{Scheme: twoThree}, func(p Progress) {
		if count++; count == 6 {
			once()
		}
	})
	if err != nil {
		b.t.Fatalf("put: %v", err)
	}
	return r
}

func TestDeadAndStalledAreReplacedBySpares(t *testing.T) {
	took := map[string]time.Duration{}
	for _, luck := range []string{"good", "bad"} {
		b := newBed(t, 6)
		if luck == "good" {
			b.addHost()
		} else {
			b.addLiar(exchangetest.StallsOffer)
		}
		b.cut(twoThree, 1<<20)
		path, content := b.file("f", 12<<20)
		began := time.Now()
		r := b.putWith(path, func() {
			if luck == "bad" {
				go b.hosts[0].die()
			}
		})
		took[luck] = time.Since(began)
		if r.Shortfall != "" {
			t.Errorf("%s luck: %+v", luck, r)
		}
		b.apart(r.Manifest)
		b.get(r.Manifest, content)
	}
	t.Logf("one dead and one stalled of 7 at 2+3: %.2f × the time (%v, %v)", took["bad"].Seconds()/took["good"].Seconds(), took["bad"], took["good"])
}

func TestStalledWithoutSpareIsToldOf(t *testing.T) {
	b := newBed(t, 4)
	b.addLiar(exchangetest.StallsOffer)
	b.times.Idle = time.Second
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 8*segmentSize)
	r := b.put(path, PutOptions{})
	if r.Shortfall == "" || r.Hosts != 4 {
		t.Errorf("%+v", r)
	}
	b.apart(r.Manifest)
	b.get(r.Manifest, content)
}

// Two that lag and one spare: the spare takes one, the other is waited for.
func TestOneSpareReplacesOneLaggard(t *testing.T) {
	b := newBed(t, 6)
	b.cut(twoThree, segmentSize)
	var slow atomic.Int32
	var held []chan struct{}
	for range 2 {
		held = append(held, make(chan struct{}))
	}
	for _, k := range b.hosts {
		k.admit(func(bytes int64) error {
			if bytes != segmentSize/2 { // only OFFER asks for one shard
				return nil
			}
			if n := slow.Add(1); n <= 2 {
				<-held[n-1] // says nothing until it is let go
			}
			return nil
		})
	}
	path, content := b.file("f", 3*(segmentSize-shard.SealOverhead))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		poll(t, func() bool { return slow.Load() > 15 }) // 15 shards, and one of them again to the spare
		close(held[0])
		close(held[1])
	}()
	r := b.put(path, PutOptions{Scheme: twoThree})
	<-gone
	if r.Shortfall != "" {
		t.Errorf("%+v", r)
	}
	b.apart(r.Manifest)
	b.get(r.Manifest, content)
}

// poll waits for an event that nobody announces.
func poll(t *testing.T, is func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(20 * time.Second); !is(); {
		select {
		case <-tick.C:
		case <-end:
			t.Error("what was waited for did not happen")
			return
		}
	}
}

func TestHostThatFillsUpIsReplaced(t *testing.T) {
	b := newBed(t, 7)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 20*segmentSize)
	r := b.putWith(path, func() {
		b.hosts[0].store.Limit(1, 0)
		b.hosts[1].store.Limit(0, 1)
	})
	if r.Shortfall != "" {
		t.Errorf("%+v", r)
	}
	b.apart(r.Manifest)
	b.get(r.Manifest, content)
}

func TestBusyHostIsWaitedFor(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	var refused atomic.Int32
	b.hosts[0].admit(func(bytes int64) error {
		if bytes == segmentSize/2 && refused.Add(1) <= 6 {
			return wire.ErrBusy
		}
		return nil
	})
	path, content := b.file("f", 6*segmentSize)
	if r := b.put(path, PutOptions{}); r.Shortfall != "" || r.Hosts != 5 || refused.Load() <= 6 {
		t.Errorf("%+v, asked %d times", r, refused.Load())
	} else {
		b.apart(r.Manifest)
		b.get(r.Manifest, content)
	}
}

func TestHostThatComesBackIsWaitedFor(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 20*segmentSize)
	dead, addrs := b.hosts[0], b.hosts[0].host.Addrs()
	looked := 0
	var mu sync.Mutex
	b.lost = func(id peer.ID) {
		mu.Lock()
		defer mu.Unlock()
		if looked++; id != dead.host.ID() || looked != 3 {
			return
		}
		key, err := crypto.UnmarshalEd25519PrivateKey(dead.key)
		if err != nil {
			t.Error(err)
			return
		}
		h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrs(addrs...), libp2p.DisableRelay())
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { h.Close() })
		dead.host = h
		dead.serve(t)
	}
	r := b.putWith(path, dead.die)
	if r.Shortfall != "" || r.Hosts != 5 {
		t.Errorf("%+v", r)
	}
	// Once it is back the next try reaches it: libp2p's own pause after a dial
	// that failed, 5 s, is not waited for.
	if looked < 3 || looked > 5 {
		t.Errorf("the host was missed %d times, it was back after 3", looked)
	}
	b.apart(r.Manifest)
	b.get(r.Manifest, content)
}

// Slowness that all hosts share is no lag: nothing is sent twice.
func TestNothingIsSentTwiceUnderLoad(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	defer load.Wait()
	defer cancel()
	for range 2 * runtime.GOMAXPROCS(0) {
		load.Go(func() {
			for sum := [32]byte{}; ctx.Err() == nil; {
				sum = sha256.Sum256(sum[:])
			}
		})
	}
	b := newBed(t, 7)
	b.cut(twoThree, 1<<20)
	path, _ := b.file("f", 6<<20)
	r := b.put(path, PutOptions{Scheme: twoThree})
	if most := int64(6<<20) * 5 / 2 * 105 / 100; b.delivered() > most || r.Sent > most || r.Shortfall != "" {
		t.Errorf("%d bytes arrived and %d were sent, at most %d are needed: %+v", b.delivered(), r.Sent, most, r)
	}
}

// stuck takes the bytes of one shard and never commits it; of what is offered
// then it takes nothing.
type stuck struct {
	exchange.Store
	taken atomic.Bool
	awake chan struct{}
}

func (s *stuck) Receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	if !s.taken.Swap(true) {
		if in, err := ready(0); err == nil {
			_, _ = io.Copy(io.Discard, in)
		}
	}
	<-s.awake
	return time.Time{}, wire.ErrInternal
}

// Once one transfer has found that a host does not answer, the others that are
// under way to it end as well, though nobody can step in.
func TestTransfersToASilentHostEnd(t *testing.T) {
	b := newBed(t, 5)
	b.times = exchange.Timeouts{Idle: time.Minute, Answer: time.Second}
	b.cut(twoThree, segmentSize)
	b.engine.confirmFloor = 100 * time.Millisecond
	k := b.hosts[0]
	s := &stuck{Store: k.store, awake: make(chan struct{})}
	k.stop()
	k.keeps = s
	k.serve(t)
	t.Cleanup(func() { close(s.awake) })
	path, content := b.file("f", 6*segmentSize)
	began := time.Now()
	r := b.put(path, PutOptions{})
	if took := time.Since(began); took > b.times.Idle/2 || r.Shortfall == "" || r.Hosts != 4 {
		t.Errorf("%+v after %s", r, took)
	}
	b.get(r.Manifest, content)
}
