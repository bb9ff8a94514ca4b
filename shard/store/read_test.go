package store

import (
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func TestOpenSeeks(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(100_000)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	r, length, err := h.store.Open(shard.Sum(data))
	if err != nil || length != 100_000 {
		t.Fatal(length, err)
	}
	defer r.Close()
	if _, err := r.Seek(99_990, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || !slices.Equal(rest, data[99_990:]) {
		t.Errorf("read %d bytes at the end, not the shard's last ten: %v", len(rest), err)
	}
}

func TestOpenUnknown(t *testing.T) {
	h := newHome(t)
	if _, _, err := h.store.Open(shard.ID{1}); !errors.Is(err, wire.ErrNotFound) {
		t.Error(err)
	}
}

// TestLostFiles removes and cuts files behind the store's back.
func TestLostFiles(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(path string) error
		want error
	}{
		"removed":   {os.Remove, wire.ErrNotFound},
		"cut short": {func(path string) error { return os.Truncate(path, 500) }, wire.ErrDamaged},
		"too long":  {func(path string) error { return os.Truncate(path, 1<<20) }, wire.ErrDamaged},
		"no folder": {func(path string) error { return os.RemoveAll(path[:len(path)-65]) }, wire.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			a, b := newOwner(t, 1), newOwner(t, 2)
			data, other := randomBytes(1000), randomBytes(2000)
			mustReceive(t, h.store, a.lot(t, data, 0, 0), data)
			mustReceive(t, h.store, b.lot(t, data, 0, 1), data)
			mustReceive(t, h.store, a.lot(t, other, 1, 0), other)
			id := shard.Sum(data)
			if err := c.harm(h.store.path(id)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := h.store.Open(id); !errors.Is(err, c.want) {
				t.Fatalf("first look: %v", err)
			}
			if _, _, err := h.store.Open(id); !errors.Is(err, wire.ErrNotFound) {
				t.Errorf("second look: %v", err)
			}
			checkWhole(t, h.store)
			rows, _, err := h.store.Held(a.grant.Admin, nil, 10)
			if len(rows) != 1 || rows[0].Shard != shard.Sum(other) || err != nil {
				t.Errorf("held %v: %v", rows, err)
			}
			mustReceive(t, h.store, a.lot(t, data, 0, 0), data)
			if !slices.Equal(readShard(t, h.store, id), data) {
				t.Error("not the same when stored again")
			}
			checkWhole(t, h.store)
		})
	}
}

// TestLostFileIsSentAgain offers a shard whose file is gone: no lease without
// bytes.
func TestLostFileIsSentAgain(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(1000)
	lot := o.lot(t, data, 0, 0)
	mustReceive(t, h.store, lot, data)
	if err := os.Remove(h.store.path(lot.Offer.Shard)); err != nil {
		t.Fatal(err)
	}
	mustReceive(t, h.store, lot, data)
	if !slices.Equal(readShard(t, h.store, lot.Offer.Shard), data) {
		t.Error("bytes differ")
	}
	checkWhole(t, h.store)
}

func TestHeldPages(t *testing.T) {
	h := newHome(t)
	a, b := newOwner(t, 1), newOwner(t, 2)
	var want []shard.Held
	for segment := range uint32(4) {
		for index := range uint8(3) {
			data := randomBytes(64)
			lot := a.lot(t, data, segment<<9, index)
			mustReceive(t, h.store, lot, data)
			mustReceive(t, h.store, b.lot(t, data, segment, index), data)
			want = append(want, shard.Held{Shard: lot.Offer.Shard, Segment: segment << 9, Index: index, Length: 64})
		}
	}
	for _, limit := range []int{1, 5, 11, 12, 13} {
		var got []shard.Held
		var cursor []byte
		for {
			rows, next, err := h.store.Held(a.grant.Admin, cursor, limit)
			if err != nil || len(rows) > limit {
				t.Fatalf("%d rows of %d: %v", len(rows), limit, err)
			}
			for i := range rows {
				if rows[i].LeaseEnd == 0 {
					t.Error("no lease end")
				}
				rows[i].LeaseEnd = 0
			}
			got = append(got, rows...)
			if cursor = next; next == nil {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	if _, _, err := h.store.Held(a.grant.Admin, []byte("short"), 5); !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func TestLocators(t *testing.T) {
	h := newHome(t)
	want := make(map[shard.Locator]bool)
	for i := range byte(5) {
		o := newOwner(t, i+1)
		for segment := range uint32(2) {
			data := randomBytes(64)
			mustReceive(t, h.store, o.lot(t, data, segment, 0), data)
		}
		want[o.grant.Locator] = true
	}
	gone := newOwner(t, 3).grant
	if _, err := h.store.Delete(gone); err != nil {
		t.Fatal(err)
	}
	delete(want, gone.Locator)
	got := make(map[shard.Locator]bool)
	for l, err := range h.store.Locators(t.Context()) {
		if err != nil || got[l] || !want[l] {
			t.Fatalf("locator %v: %v", l, err)
		}
		got[l] = true
	}
	if len(got) != len(want) {
		t.Errorf("%d locators, %d files", len(got), len(want))
	}
}
