package kad_test

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/failstore"
	"github.com/ipfs/go-datastore/query"
	dssync "github.com/ipfs/go-datastore/sync"
	dstest "github.com/ipfs/go-datastore/test"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/kad"
)

const self, other, third = peer.ID("self"), peer.ID("other"), peer.ID("third")

func memory() datastore.Batching { return dssync.MutexWrap(datastore.NewMapDatastore()) }

func bounded(t rapid.TB, d datastore.Batching, all, ofPeer int) datastore.Batching {
	t.Helper()
	b, err := kad.Bounded(d, self, all, ofPeer)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// record is the key of a provider record's row.
func record(key int, p peer.ID) datastore.Key {
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString
	return datastore.NewKey(records.ProvidersKeyPrefix + text(fmt.Append(nil, "key", key)) + "/" + text([]byte(p)))
}

func TestBoundedDatastoreSuite(t *testing.T) {
	t.Parallel()
	dstest.SubtestAll(t, bounded(t, memory(), 3, 2))
}

// TestRecordsAreBounded lets three peers announce more than they may, through
// kad-dht's own code, which decides what the rows are called. Each time the
// rows are counted anew.
func TestRecordsAreBounded(t *testing.T) {
	rows := memory()
	for _, c := range []struct {
		name peer.ID
		want int
	}{{other, 100}, {third, 50}, {self, 300}, {other, 100}} {
		book, err := pstoremem.NewPeerstore()
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		manager, err := records.NewProviderManager(self, book, bounded(t, rows, 150, 100))
		if err != nil {
			t.Fatal(err)
		}
		announce(t, manager, c.name, 300)
		if err := manager.Close(); err != nil {
			t.Fatal(err)
		}
		last := record(0, c.name).BaseNamespace()
		got := 0
		for _, key := range keys(t, rows, query.Query{Prefix: records.ProvidersKeyPrefix}) {
			if strings.HasSuffix(key, "/"+last) {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%s left %d records, not %d", c.name, got, c.want)
		}
	}
}

func announce(t *testing.T, manager *records.ProviderManager, p peer.ID, n int) {
	t.Helper()
	for i := range n {
		if err := manager.AddProvider(t.Context(), fmt.Append(nil, "key", i), peer.AddrInfo{ID: p}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBoundedCountsItsRows writes at random, now and then to a datastore that
// refuses, and compares with one that has just counted the rows.
func TestBoundedCountsItsRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		refuse := false
		rows := memory()
		store := bounded(t, failstore.NewFailstore(rows, func(op string) error {
			if refuse && op == "batch-commit" {
				return kad.ErrNoRoom
			}
			return nil
		}), 5, 3)
		ctx := t.Context()
		peers := []peer.ID{self, other, third}
		for range rapid.IntRange(1, 40).Draw(t, "writes") {
			refuse = rapid.IntRange(0, 5).Draw(t, "refuse") == 0
			batch, err := store.Batch(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for range rapid.IntRange(0, 5).Draw(t, "rows") {
				key := record(rapid.IntRange(0, 5).Draw(t, "key"), rapid.SampledFrom(peers).Draw(t, "peer"))
				if rapid.Bool().Draw(t, "remove") {
					err = errors.Join(err, batch.Delete(ctx, key))
				} else {
					err = errors.Join(err, batch.Put(ctx, key, []byte{1}))
				}
			}
			if err = errors.Join(err, batch.Commit(ctx)); err != nil && !refuse {
				t.Fatal(err)
			}
		}
		refuse = false
		fresh := bounded(t, rows, 5, 3)
		for i, p := range []peer.ID{other, third, other, third, other, third} {
			probe := record(100+i, p)
			if err := store.Put(ctx, probe, []byte{1}); err != nil {
				t.Fatal(err)
			}
			took, err := rows.Has(ctx, probe)
			if err == nil && took {
				err = rows.Delete(ctx, probe)
			}
			if err == nil {
				err = fresh.Put(ctx, probe, []byte{1})
			}
			has, hasErr := rows.Has(ctx, probe)
			if err = errors.Join(err, hasErr); err != nil || has != took {
				t.Fatalf("probe %d: taken %v, by one that has just counted %v, %v", i, took, has, err)
			}
		}
	})
}
