package transfer

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// Keepers are told at once, however they are known, and this node is none.
func TestRemoveTellsKeepers(t *testing.T) {
	for _, entrusted := range []bool{true, false} {
		b := newBed(t, 5)
		b.cut(twoThree, segmentSize)
		path, _ := b.file("f", 1<<20)
		manifest := b.put(path, PutOptions{}).Manifest
		locator := b.open(manifest).Grant.Locator
		told := make(chan peer.ID, 10)
		var all sync.WaitGroup
		all.Add(3)
		var keepers []peer.ID
		for range 3 {
			k := b.addHost()
			k.stop()
			k.keeps = dismissed{k.store, k.host.ID(), told, &all, t}
			k.serve(t)
			if err := b.owner.Connect(t.Context(), k.info()); err != nil {
				t.Fatal(err)
			}
			keepers = append(keepers, k.host.ID())
			b.known[k.host.ID()] = !entrusted
		}
		if entrusted {
			b.engine.cfg.Keepers = func(_ context.Context, m *shard.Manifest) []peer.ID {
				if l := m.Grant.Locator; l != locator {
					t.Errorf("asked for the keepers of %s", l)
				}
				return append([]peer.ID{b.owner.ID(), keepers[0]}, keepers...)
			}
			if _, err := b.engine.Remove(t.Context(), manifest, quiet); err != nil {
				t.Fatal(err)
			}
		} else {
			b.engine.dismiss(t.Context(), b.open(manifest), b.seed.AdminKey(b.open(manifest).Private.File))
		}
		close(told)
		var got []peer.ID
		for p := range told {
			got = append(got, p)
		}
		slices.Sort(got)
		slices.Sort(keepers)
		if !slices.Equal(got, keepers) {
			t.Errorf("entrusted %v: told %v, want %v", entrusted, got, keepers)
		}
	}
}

// dismissed is a store that notes who is told to delete.
type dismissed struct {
	exchange.Store
	who  peer.ID
	told chan<- peer.ID
	all  *sync.WaitGroup
	t    *testing.T
}

func (d dismissed) Delete(grant shard.Grant) (int, error) {
	d.told <- d.who
	d.all.Done()
	heard := make(chan struct{})
	go func() { d.all.Wait(); close(heard) }()
	select {
	case <-heard: // the others were told before this one answered
	case <-time.After(5 * time.Second):
		d.t.Error("one is told after the other")
	}
	return d.Store.Delete(grant)
}

// However many say that they keep a file, a few are told.
func TestRemoveTellsFewOfManyKeepers(t *testing.T) {
	b := newBed(t, 0)
	var asked atomic.Int32
	b.lost = func(peer.ID) { asked.Add(1) }
	b.engine.cfg.Keepers = func(context.Context, *shard.Manifest) (many []peer.ID) {
		for n := range 10 * maxDismissed {
			many = append(many, testPeer(n))
		}
		return many
	}
	f := newFile(t, twoThree, 1, 64<<10, 5, false)
	b.engine.dismiss(t.Context(), f.m, b.seed.AdminKey(shard.FileID{2}))
	if n := asked.Load(); n != maxDismissed {
		t.Errorf("%d are told", n)
	}
}
