package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// TestStopUnderWay ends Run while a shard is on its way. The transfer fails,
// what came is kept, and nothing reads the index any more.
func TestStopUnderWay(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	h := &home{dir: t.TempDir()}
	h.open(t)
	o := newOwner(t, 1)
	data := randomBytes(200_000)
	lot := o.lot(t, data, 0, 0)
	s := h.store
	_, err := s.Receive(t.Context(), lot, func(int64) (io.Reader, error) {
		h.close(t)
		return bytes.NewReader(data), nil
	})
	if !errors.Is(err, errStopped) {
		t.Fatalf("transfer: %v", err)
	}
	if _, _, err := s.Open(lot.Offer.Shard); !errors.Is(err, errStopped) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Delete(o.grant); !errors.Is(err, errStopped) {
		t.Errorf("delete: %v", err)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("a store ran twice")
	}
	h.open(t)
	defer h.close(t)
	checkWhole(t, h.store)
	mustReceive(t, h.store, lot, data)
	checkWhole(t, h.store)
}

func TestCancelKeepsBytes(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(2 * bufferSize)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := h.store.Receive(ctx, o.lot(t, data, 0, 0), func(int64) (io.Reader, error) {
		cancel()
		return bytes.NewReader(data), nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if u := h.store.Usage(); u.InFlight != bufferSize {
		t.Errorf("%d bytes kept", u.InFlight)
	}
	checkWhole(t, h.store)
}

// TestIndexMustSync refuses an index that acknowledges what a power cut takes.
func TestIndexMustSync(t *testing.T) {
	db, err := badger.Open(badger.DefaultOptions(t.TempDir()).WithLogger(nil).WithSyncWrites(false))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := Open(t.Context(), Config{Dir: t.TempDir(), DB: db}); err == nil {
		t.Error("opened over an index that does not sync")
	}
}

func TestMetricsAndNotice(t *testing.T) {
	h := newHome(t)
	h.close(t)
	db, err := OpenIndex(filepath.Join(h.dir, "index"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	registry := prometheus.NewRegistry()
	var told []shard.Locator
	s, err := Open(t.Context(), Config{
		Dir: h.shards(), DB: db.DB, Capacity: 1 << 20, Registerer: registry,
		Stored: func(l shard.Locator) { told = append(told, l) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	defer wg.Wait()
	defer cancel()

	o := newOwner(t, 1)
	data, big := randomBytes(1000), randomBytes(2<<20)
	mustReceive(t, s, o.lot(t, data, 0, 0), data)
	if len(told) != 1 || told[0] != o.grant.Locator {
		t.Errorf("told %v", told)
	}
	if _, err := s.Receive(t.Context(), o.lot(t, big, 0, 1), sendsNothing(t)); !errors.Is(err, wire.ErrFull) {
		t.Fatal(err)
	}
	want := map[string]float64{
		"batchain_store_commits_total":  1,
		"batchain_store_commit_seconds": 1,
		"batchain_store_rejected_total": 1,
		"batchain_store_shards":         1,
		"batchain_store_used_bytes":     1008,
		"batchain_store_capacity_bytes": 1 << 20,
	}
	got := gather(t, registry)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, not %v", name, got[name], value)
		}
	}
}

// gather reads the one value of each metric, or how many it observed.
func gather(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			values[family.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

// TestManyAtOnce lets owners store, break off, delete and read the same few
// shards at the same time.
func TestManyAtOnce(t *testing.T) {
	h := newHome(t)
	shards := make([][]byte, 6)
	for i := range shards {
		shards[i] = randomBytes(30_000 + i)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for turn := range 12 {
				o := newOwner(t, byte(1+worker*16+turn/4))
				data := shards[rand.N(len(shards))]
				lot := o.lot(t, data, uint32(rand.N(3)), 0)
				switch rand.N(5) {
				case 0:
					if _, err := h.store.Delete(o.grant); err != nil {
						t.Errorf("delete: %v", err)
					}
				case 1:
					_, _ = h.store.Receive(context.Background(), lot, sends(data[:20_000]))
				case 2:
					if r, _, err := h.store.Open(lot.Offer.Shard); err == nil {
						if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
							t.Errorf("read %d bytes: %v", len(got), err)
						}
						r.Close()
					} else if !errors.Is(err, wire.ErrNotFound) {
						t.Errorf("open: %v", err)
					}
				default:
					_, err := h.store.Receive(context.Background(), lot, sends(data))
					if err != nil && !errors.Is(err, wire.ErrDeleted) && !errors.Is(err, wire.ErrInProgress) {
						t.Errorf("receive: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	checkWhole(t, h.store)
	h.reopen(t)
	checkWhole(t, h.store)
}
