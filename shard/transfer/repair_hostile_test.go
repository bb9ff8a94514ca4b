package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// Whoever serves nonsense is replaced, and what it holds is made again elsewhere.
func TestRepairAmongLiars(t *testing.T) {
	b := newBed(t, 3)
	for _, trick := range []exchangetest.Trick{
		exchangetest.SendsWrongBytes, exchangetest.SendsShort, exchangetest.SaysOtherLength,
		exchangetest.StallsFetch, exchangetest.StoresNothing, exchangetest.KeepsHashes,
	} {
		b.addLiar(trick)
	}
	b.cut(twoSeven, segmentSize)
	path, content := b.file("f", 3*segmentSize)
	manifest := b.put(path, PutOptions{Scheme: twoSeven}).Manifest
	b.hosts[0].die()
	for range 7 {
		b.addHost()
	}
	r := b.repair(manifest, RepairOptions{Eager: true})
	if r.Shortfall != "" || r.Health.Lost != 0 || r.Health.Margin < 6 {
		t.Errorf("%+v", r)
	}
	for _, k := range b.hosts[3:9] {
		k.die()
	}
	if r = b.repair(manifest, RepairOptions{Eager: true}); r.Health.Margin < 7 {
		t.Errorf("without the liars: %+v", r)
	}
	b.get(manifest, content)
}

// Hosts that take a shard badly are replaced by others.
func TestRepairAtBadHosts(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 6*segmentSize)
	manifest := b.put(path, PutOptions{}).Manifest
	liars := map[peer.ID]bool{}
	for _, trick := range []exchangetest.Trick{
		exchangetest.NeverAnswers, exchangetest.StallsOffer, exchangetest.RejectsLate, exchangetest.BreaksOffer,
		exchangetest.ForgesReceipt, exchangetest.ShortLease, exchangetest.ReadyBeyond, exchangetest.HasItAlready,
	} {
		liars[b.addLiar(trick).host.ID()] = true // all but the first promise a terabyte
	}
	b.loseIndex(manifest, 0, everySegment)
	b.loseIndex(manifest, 2, everySegment)
	b.addHost()
	b.addHost()
	r := b.repair(manifest, RepairOptions{Eager: true})
	if r.Shortfall != "" || r.Health.Margin != 3 {
		t.Errorf("%+v", r)
	}
	for _, p := range b.open(manifest).Hosts {
		if liars[p.ID] {
			t.Errorf("liar %s is in the manifest", p.ID)
		}
	}
	b.healthy(manifest)
	b.get(manifest, content)
}

// spoiled is a store that lists and proves what it has, and gives it out badly.
type spoiled struct {
	exchange.Store
	how  string
	done <-chan struct{} // ends what stalls
}

func (s spoiled) Open(id shard.ID) (io.ReadSeekCloser, int64, error) {
	body, length, err := s.Store.Open(id)
	if s.how == "denies" {
		return nil, 0, wire.ErrNotFound
	}
	return spoiledBody{body, s}, length, err
}

type spoiledBody struct {
	io.ReadSeekCloser
	s spoiled
}

func (b spoiledBody) Read(buf []byte) (int, error) {
	n, err := b.ReadSeekCloser.Read(buf)
	switch {
	case b.s.how == "stalls":
		<-b.s.done
		return 0, io.ErrUnexpectedEOF
	case b.s.how == "breaks":
		return 0, io.ErrUnexpectedEOF
	case n > 0:
		buf[0] ^= 1
	}
	return n, err
}

// spoil makes a keeper give out badly what it has.
func (k *keeper) spoil(t *testing.T, how string) {
	done := make(chan struct{})
	k.stop()
	k.keeps = spoiled{k.store, how, done}
	k.serve(t)
	t.Cleanup(func() { close(done) }) // before the server is waited for
}

// What a host lists and proves, and then does not give out, is read elsewhere;
// wrong bytes and denials show that more is lost, and it is mended as well.
func TestRepairReadsElsewhere(t *testing.T) {
	for how, more := range map[string]int{"stalls": 0, "breaks": 0, "wrong": 1, "denies": 1} {
		t.Run(how, func(t *testing.T) {
			b := newBed(t, 5)
			b.times = exchange.Timeouts{Idle: 10 * time.Minute, Answer: 10 * time.Minute}
			b.cut(twoThree, segmentSize)
			path, content := b.file("f", 1<<20)
			manifest := b.put(path, PutOptions{}).Manifest
			bad := b.holder(manifest, 0, 1)
			b.loseIndex(manifest, 0, func(segment uint32) bool { return segment == 0 })
			b.addHost()
			b.addHost()
			bad.spoil(t, how)
			r, _, err := b.engine.newRepair(t.Context(), b.open(manifest), manifest, RepairOptions{Eager: true}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range r.s.hosts {
				if h.peer != bad.host.ID() {
					r.hosts.struck(h.peer) // the bad one is asked first
				}
			}
			r.stall = 200 * time.Millisecond
			if err := r.run(t.Context()); err != nil || r.rebuilt != 1+more || r.without > 0 || r.beyond != nil {
				t.Errorf("%d shards, error %v, %v", r.rebuilt, err, r.beyond)
			}
			if said := r.hosts.said(); len(said) != 1 || said[bad.host.ID().String()] == "" {
				t.Errorf("hosts said %v", said)
			}
			b.get(manifest, content)
		})
	}
}

// dying is a store whose host goes away in the middle of the shard it takes.
type dying struct {
	exchange.Store
	k    *keeper
	left *atomic.Int32
}

func (d dying) Receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	return d.Store.Receive(ctx, lot, func(offset int64) (io.Reader, error) {
		if d.left.Add(-1) == 0 {
			d.k.host.Close()
		}
		return ready(offset)
	})
}

func TestRepairWhenNewHostsDie(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 8*segmentSize)
	manifest := b.put(path, PutOptions{}).Manifest
	b.loseIndex(manifest, 1, everySegment)
	for i := range 3 {
		k := b.addHost()
		if i < 2 {
			k.stop()
			var left atomic.Int32
			left.Store(2)
			k.keeps = dying{k.store, k, &left}
			k.serve(t)
		}
	}
	r := b.repair(manifest, RepairOptions{Eager: true})
	if r.Shortfall != "" || r.Rebuilt < 8 {
		t.Errorf("%+v", r)
	}
	r = b.repair(manifest, RepairOptions{Eager: true})
	if r.Shortfall != "" || r.Health.Margin != 3 {
		t.Errorf("once more: %+v", r)
	}
	b.get(manifest, content)
}

// A core that names parity which its data cannot have is found out. Nothing is
// sent, and the other segments are mended.
func TestRepairOfAForgedCore(t *testing.T) {
	b := newBed(t, 7)
	b.cut(twoThree, segmentSize)
	path, _ := b.file("f", 3*(segmentSize-shard.SealOverhead))
	put := b.put(path, PutOptions{})
	m := b.open(put.Manifest)
	var forged bytes.Buffer
	w, err := shard.NewManifestWriter(&forged, b.seed, put.File, mesh, m.Scheme)
	if err != nil {
		t.Fatal(err)
	}
	var placed [][]shard.Placement
	for s, err := range m.Segments() {
		if s.Number == 1 {
			s.Shards[3][7] ^= 1
		}
		placed = append(placed, s.Placed)
		if err := errors.Join(err, w.Segment(s)); err != nil {
			t.Fatal(err)
		}
	}
	err = errors.Join(w.Core(*m.Private), w.Hosts(m.Hosts))
	for number, p := range placed {
		err = errors.Join(err, w.Placed(uint32(number), p))
	}
	manifest := filepath.Join(t.TempDir(), "forged")
	if err := errors.Join(err, w.Close(), os.WriteFile(manifest, forged.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	b.loseIndex(put.Manifest, 0, func(segment uint32) bool { return segment == 2 })
	r, err := b.engine.Repair(t.Context(), manifest, RepairOptions{Eager: true}, quiet)
	if !errors.Is(err, shard.ErrManifest) || r.Rebuilt != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
