package transfer

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// repair mends a file and fails the test unless that works.
func (b *bed) repair(manifest string, opts RepairOptions) RepairResult {
	b.t.Helper()
	r, err := b.engine.Repair(b.t.Context(), manifest, opts, quiet)
	if err != nil {
		b.t.Fatalf("repair: %v", err)
	}
	return r
}

// metered counts what a host gives out.
type metered struct {
	exchange.Store
	out *atomic.Int64
}

type meteredBody struct {
	io.ReadSeekCloser
	out *atomic.Int64
}

func (m metered) Open(id shard.ID) (io.ReadSeekCloser, int64, error) {
	body, length, err := m.Store.Open(id)
	return meteredBody{body, m.out}, length, err
}

func (b meteredBody) Read(buf []byte) (int, error) {
	n, err := b.ReadSeekCloser.Read(buf)
	b.out.Add(int64(n))
	return n, err
}

// meter counts what all hosts give out from now on.
func (b *bed) meter() *atomic.Int64 {
	out := new(atomic.Int64)
	for _, k := range b.hosts {
		k.stop()
		k.keeps = metered{k.keeps, out}
		k.serve(b.t)
	}
	return out
}

// holder returns the keeper that the manifest names for an index.
func (b *bed) holder(manifest string, segment uint32, index uint8) *keeper {
	b.t.Helper()
	m := b.open(manifest)
	for s, err := range m.Segments() {
		if err != nil {
			b.t.Fatal(err)
		}
		for _, p := range s.Placed {
			for _, k := range b.hosts {
				if s.Number == segment && p.Index == index && k.host.ID() == m.Hosts[p.Host].ID {
					return k
				}
			}
		}
	}
	b.t.Fatalf("nobody holds index %d of segment %d", index, segment)
	return nil
}

// loseIndex has the host of an index lose its shard in every segment that want
// picks.
func (b *bed) loseIndex(manifest string, index uint8, want func(segment uint32) bool) (lost int) {
	b.t.Helper()
	for s, err := range b.open(manifest).Segments() {
		if err != nil {
			b.t.Fatal(err)
		}
		if want(s.Number) {
			b.holder(manifest, s.Number, index).store.Lose(s.Shards[index])
			lost++
		}
	}
	return lost
}

func everySegment(uint32) bool { return true }

// repairManifest exports the manifest and gives the bed an engine that has no
// seed of the owner's.
func (b *bed) repairManifest(manifest string) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "f.repair")
	out, err := os.Create(path)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := errors.Join(b.open(manifest).Export(out), out.Close()); err != nil {
		b.t.Fatal(err)
	}
	b.seed = shard.NewSeed()
	b.restart()
	return path
}

// healthy fails the test unless every index of every segment has a host that can
// show it, each another one.
func (b *bed) healthy(manifest string) {
	b.t.Helper()
	r, err := b.engine.Audit(b.t.Context(), manifest, AuditOptions{Full: true}, quiet)
	if err != nil || r.Health.Margin != r.Health.FullMargin || r.Health.Lost != 0 {
		b.t.Errorf("after the repair: %+v, %v", r, err)
	}
	b.apart(manifest)
}
