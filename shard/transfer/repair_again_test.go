package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// other is a second repairer: another peer with the same manifest.
func (b *bed) other(manifest string) (*Engine, string) {
	b.t.Helper()
	content, err := os.ReadFile(manifest)
	path := filepath.Join(b.t.TempDir(), "f.batchain")
	if err := errors.Join(err, os.WriteFile(path, content, 0o600)); err != nil {
		b.t.Fatal(err)
	}
	h, _ := newHost(b.t)
	cfg := b.engine.cfg
	cfg.Host, cfg.Client = h, exchange.NewClient(h, mesh, b.times)
	return New(cfg), path
}

// Two repairers at once choose the same hosts, which take every shard once.
func TestTwoRepairsAtOnce(t *testing.T) {
	b := newBed(t, 9)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 12*segmentSize)
	manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
	lost := b.loseIndex(manifest, 0, everySegment) + b.loseIndex(manifest, 3, everySegment)
	engine, second := b.other(manifest)
	before := b.delivered()
	var wait sync.WaitGroup
	for i, repair := range []func() (RepairResult, error){
		func() (RepairResult, error) {
			return b.engine.Repair(t.Context(), manifest, RepairOptions{Eager: true}, quiet)
		},
		func() (RepairResult, error) {
			return engine.Repair(t.Context(), second, RepairOptions{Eager: true}, quiet)
		},
	} {
		wait.Go(func() {
			if r, err := repair(); err != nil || r.Shortfall != "" || r.Health.Margin != 3 {
				t.Errorf("repairer %d: %+v, %v", i, r, err)
			}
		})
	}
	wait.Wait()
	needed := int64(lost * segmentSize / 2)
	if sent := b.delivered() - before; sent > needed*105/100 {
		t.Errorf("%d bytes were sent, %d are needed", sent, needed)
	}
	b.healthy(manifest)
	b.healthy(second)
	b.get(manifest, content)
	b.get(second, content)
}

// A repair that is cut short again and again sends nothing twice that has
// arrived, although nobody has announced anything and no manifest tells.
func TestRepairIsCutShort(t *testing.T) {
	b := newBed(t, 8)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 12*segmentSize)
	manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
	old, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	lost := b.loseIndex(manifest, 0, everySegment) + b.loseIndex(manifest, 3, everySegment)
	before, cuts := b.delivered(), 0
	for at := 1; ; at++ {
		ctx, cancel := context.WithCancelCause(t.Context())
		steps, stop := 0, errors.New("cut short")
		r, err := b.engine.Repair(ctx, manifest, RepairOptions{Eager: true}, func(p Progress) {
			if p.Phase != "repair" {
				return
			}
			if steps++; steps == at {
				cancel(stop)
			}
		})
		cancel(nil)
		if err == nil {
			if r.Health.Margin != 3 || r.Shortfall != "" {
				t.Errorf("%+v", r)
			}
			break
		}
		if !errors.Is(err, stop) || errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cuts++
		for _, k := range b.hosts {
			if at == 3 && len(k.store.IDs()) > 0 {
				k.admit(func(int64) error { return wire.ErrFull }) // what they have counts all the same
			}
		}
		if at == 3 {
			b.addHost()
			b.addHost()
		}
		if at%2 == 0 { // as if it had been killed: nothing was written
			if err := errors.Join(os.WriteFile(manifest, old, 0o600), os.Remove(manifest+HealthSuffix)); err != nil {
				t.Fatal(err)
			}
		}
		b.restart()
	}
	needed := int64(lost * segmentSize / 2)
	if sent := b.delivered() - before; cuts < 3 || sent > needed {
		t.Errorf("%d bytes arrived in %d tries, %d are needed", sent, cuts+1, needed)
	}
	b.healthy(manifest)
	b.get(manifest, content)
}
