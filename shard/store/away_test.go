package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// unmount puts an empty folder in the place of the shards', as taking off its
// disk does; mount brings the shards back.
func unmount(t *testing.T, dir string) (mount func()) {
	t.Helper()
	if err := os.Rename(dir, dir+" disk"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir+" disk", dir); err != nil {
			t.Fatal(err)
		}
	}
}

// A store whose disk is taken off strikes nothing, promises nothing and takes
// nothing; when it is back everything is as it was.
func TestFolderThatGoesAway(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	var lots []shard.Lot
	for index := range uint8(2) {
		data := randomBytes(100_000)
		lots = append(lots, o.lot(t, data, 0, index))
		mustReceive(t, h.store, lots[index], data)
	}
	before := h.store.Usage()
	mount := unmount(t, h.store.dir)
	_, _, err := h.store.Open(lots[0].Offer.Shard)
	if !errors.Is(err, ErrAway) {
		t.Errorf("open: %v", err)
	}
	if rows, _, err := h.store.Held(o.grant.Admin, nil, 10); !errors.Is(err, ErrAway) {
		t.Errorf("list: %d rows, %v", len(rows), err)
	}
	if rows, _, err := h.store.Renew(o.grant, nil, time.Hour, nil, 10); !errors.Is(err, ErrAway) {
		t.Errorf("renew: %d rows, %v", len(rows), err)
	}
	if _, err := h.store.Receive(t.Context(), lots[1], nil); !errors.Is(err, ErrAway) {
		t.Errorf("a shard that was here is offered: %v", err)
	}
	if _, err := h.store.Receive(t.Context(), o.lot(t, randomBytes(1000), 1, 0), nil); !errors.Is(err, wire.ErrFull) {
		t.Errorf("a new shard is offered: %v", err)
	}
	if _, err := h.store.Hold("asker", lots[0].From, 1); !errors.Is(err, wire.ErrFull) {
		t.Errorf("ask: %v", err)
	}
	if _, err := h.store.scrubShard(t.Context(), lots[0].Offer.Shard); err != nil {
		t.Errorf("scrub: %v", err)
	}
	mount()
	if after := h.store.Usage(); after.Used != before.Used || after.Shards != 2 {
		t.Errorf("%+v was here, %+v is", before, after)
	}
	if rows, _, err := h.store.Held(o.grant.Admin, nil, 10); err != nil || len(rows) != 2 {
		t.Errorf("%d rows after the disk is back, %v", len(rows), err)
	}
}

// What is deleted while the disk is away goes from it once it is back.
func TestDeleteWhileTheFolderIsAway(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(100_000)
	lot := o.lot(t, data, 0, 0)
	mustReceive(t, h.store, lot, data)
	mount := unmount(t, h.store.dir)
	if _, err := h.store.Delete(o.grant); !errors.Is(err, ErrAway) {
		t.Errorf("delete: %v", err)
	}
	mount()
	h.reopen(t)
	if u := h.store.Usage(); u.Used != 0 || u.Shards != 0 {
		t.Errorf("%+v", u)
	}
	if _, err := os.Stat(h.store.path(lot.Offer.Shard)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
}

// A node that starts before its disk is mounted does not take its shards for
// lost.
func TestOpenWithoutTheFolder(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(100_000)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	h.close(t)
	mount := unmount(t, h.shards())
	db, err := OpenIndex(filepath.Join(h.dir, "index"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: h.shards(), DB: db.DB, Capacity: 1 << 30}); !errors.Is(err, ErrAway) {
		t.Errorf("open: %v", err)
	}
	if left, err := os.ReadDir(h.shards()); err != nil || len(left) != 0 {
		t.Errorf("%d files were made in the folder under the disk, %v", len(left), err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	mount()
	h.open(t)
	if rows, _, err := h.store.Held(o.grant.Admin, nil, 10); err != nil || len(rows) != 1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
