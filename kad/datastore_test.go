package kad_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	dstest "github.com/ipfs/go-datastore/test"

	"github.com/batchain/batchain/kad"
)

func openDB(t testing.TB, dir string) *badger.DB {
	t.Helper()
	options := badger.DefaultOptions(dir).WithLogger(nil).WithMemTableSize(8 << 20).WithInMemory(dir == "")
	db, err := badger.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestDatastoreSuite(t *testing.T) {
	t.Parallel()
	dstest.SubtestAll(t, kad.NewDatastore(openDB(t, ""), "kad", nil))
}

func TestDatastoresShareADatabase(t *testing.T) {
	db := openDB(t, "")
	one, ten := kad.NewDatastore(db, "1", nil), kad.NewDatastore(db, "10", nil)
	put(t, one, "/a", "one")
	put(t, ten, "/a", "ten")
	put(t, ten, "/b", "ten")
	if got := keys(t, one, query.Query{}); !slices.Equal(got, []string{"/a"}) {
		t.Errorf("keys %q", got)
	}
	if got := keys(t, ten, query.Query{}); !slices.Equal(got, []string{"/a", "/b"}) {
		t.Errorf("keys %q", got)
	}
	if err := ten.Delete(t.Context(), datastore.NewKey("/a")); err != nil {
		t.Fatal(err)
	}
	if value, err := one.Get(t.Context(), datastore.NewKey("/a")); err != nil || string(value) != "one" {
		t.Errorf("value %q, %v", value, err)
	}
}

func TestDatastoreIgnoresContexts(t *testing.T) {
	store := kad.NewDatastore(openDB(t, ""), "kad", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	batch, err := store.Batch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Put(ctx, datastore.NewKey("/a"), nil), batch.Put(ctx, datastore.NewKey("/b"), nil), batch.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, store, query.Query{}); !slices.Equal(got, []string{"/a", "/b"}) {
		t.Errorf("keys %q", got)
	}
}

// TestDatastoreWithoutRoom refuses every write while the disk is full, and
// reads as ever.
func TestDatastoreWithoutRoom(t *testing.T) {
	room := true
	store := kad.NewDatastore(openDB(t, ""), "kad", func() bool { return room })
	put(t, store, "/a", "value")
	batch, err := store.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, b := datastore.NewKey("/a"), datastore.NewKey("/b")
	if err := batch.Put(t.Context(), b, nil); err != nil {
		t.Fatal(err)
	}
	room = false
	for what, err := range map[string]error{
		"put": store.Put(t.Context(), a, nil), "delete": store.Delete(t.Context(), a), "batch": batch.Commit(t.Context()),
	} {
		if !errors.Is(err, kad.ErrNoRoom) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if value, err := store.Get(t.Context(), a); err != nil || string(value) != "value" {
		t.Errorf("value %q, %v", value, err)
	}
	room = true
	if err := batch.Commit(t.Context()); err != nil {
		t.Error(err)
	}
	if got := keys(t, store, query.Query{}); !slices.Equal(got, []string{"/a", "/b"}) {
		t.Errorf("keys %q", got)
	}
}

// TestDatastoreQueryPages reads more rows than fit one page and deletes each as
// it comes, as kad-dht does with old records.
func TestDatastoreQueryPages(t *testing.T) {
	store := kad.NewDatastore(openDB(t, ""), "kad", nil)
	batch, err := store.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const rows = 1000
	for i := range rows {
		if err := batch.Put(t.Context(), datastore.NewKey("/x/"+locator(i).String()), []byte{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, store, "/xy", "a neighbour")
	results, err := store.Query(t.Context(), query.Query{Prefix: "/x", KeysOnly: true, ReturnsSizes: true})
	if err != nil {
		t.Fatal(err)
	}
	defer results.Close()
	seen := 0
	for {
		result, more := results.NextSync()
		if !more {
			break
		}
		if result.Error != nil || result.Size != 3 || result.Value != nil {
			t.Fatalf("result %+v", result)
		}
		seen++
		if err := store.Delete(t.Context(), datastore.RawKey(result.Key)); err != nil {
			t.Fatal(err)
		}
	}
	if seen != rows {
		t.Errorf("%d rows", seen)
	}
	if got := keys(t, store, query.Query{}); !slices.Equal(got, []string{"/xy"}) {
		t.Errorf("left %q", got)
	}
}

func TestDatastoreAfterTheDatabaseClosed(t *testing.T) {
	db := openDB(t, "")
	store := kad.NewDatastore(db, "kad", nil)
	batch, err := store.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	key := datastore.NewKey("/a")
	_, getErr := store.Get(t.Context(), key)
	for what, err := range map[string]error{
		"get": getErr, "put": store.Put(t.Context(), key, nil), "delete": store.Delete(t.Context(), key),
		"batch": errors.Join(batch.Put(t.Context(), key, nil), batch.Commit(t.Context())),
	} {
		if !errors.Is(err, badger.ErrDBClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	results, err := store.Query(t.Context(), query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := results.Rest(); !errors.Is(err, badger.ErrDBClosed) {
		t.Errorf("query: %v", err)
	}
}

// FuzzDatastore keeps a row under any key apart from a second one.
func FuzzDatastore(f *testing.F) {
	store := kad.NewDatastore(openDB(f, ""), "kad", nil)
	f.Add("/providers/AB/CD", "/providers", []byte("value"))
	f.Add("../x", "//", []byte{})
	f.Add("\x00", "\xff", []byte{0})
	f.Fuzz(func(t *testing.T, a, b string, value []byte) {
		first, second := datastore.NewKey(a), datastore.NewKey(b)
		put(t, store, a, string(value))
		defer func() { _ = store.Delete(t.Context(), first) }()
		if got, err := store.Get(t.Context(), first); err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%q holds %q, %v", first, got, err)
		}
		if has, err := store.Has(t.Context(), second); err != nil || has != (first == second) {
			t.Fatalf("%q is there: %v, %v", second, has, err)
		}
		below := second == datastore.NewKey("/") || strings.HasPrefix(first.String(), second.String()+"/")
		if got := keys(t, store, query.Query{Prefix: b}); slices.Contains(got, first.String()) != (below && first != second) {
			t.Fatalf("%q below %q: %q", first, b, got)
		}
	})
}

func put(t testing.TB, store datastore.Datastore, key, value string) {
	t.Helper()
	if err := store.Put(t.Context(), datastore.NewKey(key), []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func keys(t testing.TB, store datastore.Datastore, q query.Query) (list []string) {
	t.Helper()
	results, err := store.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := results.Rest()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		list = append(list, entry.Key)
	}
	return list
}
