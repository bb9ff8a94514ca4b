package transfer

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// With too few hosts what can be mended is, and what is missing is told.
func TestRepairFallsShort(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 4*segmentSize)
	manifest := b.put(path, PutOptions{}).Manifest
	b.hosts[0].die()
	b.hosts[1].die()
	one := b.addHost()
	full := b.addHost()
	full.admit(func(int64) error { return wire.ErrFull })
	opts := RepairOptions{Eager: true}
	r := b.repair(manifest, opts)
	if r.Rebuilt != 5 || r.Shortfall == "" || r.Health.Margin != 2 || len(one.store.IDs()) != 5 {
		t.Errorf("%+v", r)
	}
	full.admit(func(int64) error { return nil })
	if r = b.repair(manifest, opts); r.Rebuilt != 5 || r.Shortfall != "" || r.Health.Margin != 3 {
		t.Errorf("with room for all: %+v", r)
	}
	b.apart(manifest)
	b.get(manifest, content)
}

// A keeper gets a shard only when nobody else can take it.
func TestRepairAvoids(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 4*segmentSize)
	manifest := b.put(path, PutOptions{}).Manifest
	avoided, other := b.addHost(), b.addHost()
	opts := RepairOptions{Eager: true, Avoid: []peer.ID{avoided.host.ID()}}
	b.hosts[0].die()
	if r := b.repair(manifest, opts); r.Rebuilt != 5 || r.Shortfall != "" || len(avoided.store.IDs()) != 0 || len(other.store.IDs()) != 5 {
		t.Errorf("with another host: %d shards at the one avoided, %+v", len(avoided.store.IDs()), r)
	}
	b.hosts[1].die()
	if r := b.repair(manifest, opts); r.Rebuilt != 5 || r.Shortfall != "" || len(avoided.store.IDs()) != 5 {
		t.Errorf("with no other: %d shards at the one avoided, %+v", len(avoided.store.IDs()), r)
	}
	b.apart(manifest)
	b.get(manifest, content)
}

// A file that was put on fewer hosts than it has shards stays one: nobody gets
// more of a segment than a host had.
func TestRepairOfSharedHosts(t *testing.T) {
	b := newBed(t, 2)
	scheme := shard.Scheme{Data: 4, Parity: 4}
	path, content := b.file("f", 1<<20)
	manifest := b.put(path, PutOptions{Scheme: scheme, Colocate: true}).Manifest
	b.hosts[1].die()
	if r := b.repair(manifest, RepairOptions{Eager: true}); r.Rebuilt != 0 || r.Shortfall == "" || r.Health.Margin != 0 {
		t.Errorf("one host is left: %+v", r)
	}
	b.addHost()
	if r := b.repair(manifest, RepairOptions{Eager: true}); r.Rebuilt != 4 || r.Shortfall != "" || r.Health.Margin != 1 || r.Health.FullMargin != 1 {
		t.Errorf("two hosts: %+v", r)
	}
	b.hosts[0].die()
	b.addHost()
	b.addHost()
	if r := b.repair(manifest, RepairOptions{Eager: true}); r.Rebuilt != 4 || r.Health.Margin != 1 || len(b.hosts[3].store.IDs()) != 2 {
		t.Errorf("three hosts: %+v", r)
	}
	b.get(manifest, content)
}

// A segment beyond repair is told, and keeps nobody from the others.
func TestRepairBeyondRepair(t *testing.T) {
	b := newBed(t, 7)
	b.cut(twoThree, segmentSize)
	path, _ := b.file("f", 4*segmentSize)
	manifest := b.put(path, PutOptions{}).Manifest
	for index := range uint8(4) {
		b.loseIndex(manifest, index, func(segment uint32) bool { return segment == 2 })
	}
	mendable := b.loseIndex(manifest, 0, func(segment uint32) bool { return segment != 2 })
	r, err := b.engine.Repair(t.Context(), manifest, RepairOptions{Eager: true}, quiet)
	var few *UnreachableError
	if !errors.As(err, &few) || !few.Lost() || few.Segment != 2 || few.Have != 1 || few.Damaged != 4 {
		t.Errorf("%v", err)
	}
	if r.Rebuilt != mendable || r.Health.Lost != 1 || r.Health.Margin != -1 {
		t.Errorf("%+v", r)
	}
	b.holder(manifest, 2, 4).die()
	if _, err = b.engine.Repair(t.Context(), manifest, RepairOptions{Eager: true}, quiet); !errors.As(err, &few) || !few.Lost() || few.Unreachable != 1 || len(few.Hosts) != 1 {
		t.Errorf("%v", err)
	}
}

func TestRepairErrors(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 1000)
	manifest := b.put(path, PutOptions{}).Manifest
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.engine.Repair(ctx, manifest, RepairOptions{}, quiet); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := b.engine.Repair(t.Context(), path, RepairOptions{}, quiet); !errors.Is(err, shard.ErrManifest) {
		t.Error(err)
	}
	if _, err := b.engine.Repair(t.Context(), path+"x", RepairOptions{}, quiet); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
