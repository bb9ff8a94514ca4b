package store

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func TestRenewPages(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	a, b := newOwner(t, 1), newOwner(t, 2)
	const n = 12
	for i := range byte(n) {
		data := fixedBytes(i, 64)
		mustReceive(t, h.store, a.lot(t, data, uint32(i/3), i%3), data)
		mustReceive(t, h.store, b.lot(t, data, uint32(i), 0), data)
	}
	before, _, err := h.store.Held(b.grant.Admin, nil, n)
	if err != nil {
		t.Fatal(err)
	}
	for turn, limit := range []int{1, 5, n - 1, n, n + 1} {
		lease := shard.LeaseDefault + time.Duration(turn)*day
		var cursor []byte
		seen := 0
		for {
			rows, next, err := h.store.Renew(a.grant, nil, lease, cursor, limit)
			if err != nil || len(rows) > limit {
				t.Fatalf("%d rows of %d: %v", len(rows), limit, err)
			}
			for _, row := range rows {
				if got := time.Unix(row.LeaseEnd, 0).Sub(clock.now()).Round(time.Hour); got != lease {
					t.Errorf("renewed for %s, not %s", got, lease)
				}
			}
			seen += len(rows)
			if cursor = next; next == nil {
				break
			}
		}
		if seen != n {
			t.Errorf("%d of %d places renewed, limit %d", seen, n, limit)
		}
	}
	after, _, err := h.store.Held(b.grant.Admin, nil, n)
	if err != nil || len(after) != n || after[3] != before[3] {
		t.Errorf("another owner's leases: %v", err)
	}
	checkWhole(t, h.store)
}

func TestRenewSpots(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	var spots []shard.Spot
	for i := range byte(3) {
		data := fixedBytes(i, 64)
		mustReceive(t, h.store, o.lot(t, data, uint32(i), 5), data)
		spots = append(spots, shard.Spot{Shard: shard.Sum(data), Segment: uint32(i), Index: 5})
	}
	asked := []shard.Spot{spots[2], {Shard: spots[1].Shard, Segment: 9, Index: 5}, {Shard: shard.ID{1}}, spots[0]}
	rows, next, err := h.store.Renew(o.grant, asked, 2*shard.LeaseDefault, nil, 4)
	if err != nil || next != nil || len(rows) != 2 || rows[0].Segment != 2 || rows[1].Segment != 0 {
		t.Fatalf("renewed %v: %v", rows, err)
	}
	held, _, err := h.store.Held(o.grant.Admin, nil, 3)
	if err != nil || held[0] != rows[1] || held[2] != rows[0] || held[1].LeaseEnd >= rows[0].LeaseEnd {
		t.Errorf("held %v: %v", held, err)
	}
	if _, _, err := h.store.Renew(o.grant, asked, shard.LeaseDefault, nil, 3); !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("more spots than the limit: %v", err)
	}
}

// TestRenewOnlyProlongs asks for less, for nothing and for too much.
func TestRenewOnlyProlongs(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(64)
	end, err := h.store.Receive(t.Context(), o.lot(t, data, 0, 0), sends(data))
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := h.store.Renew(o.grant, nil, time.Hour, nil, 10)
	if err != nil || len(rows) != 1 || rows[0].LeaseEnd != end.Unix() {
		t.Errorf("renewed for less: %v, %v", rows, err)
	}
	for _, lease := range []time.Duration{0, -time.Hour, shard.LeaseMax + time.Second} {
		if _, _, err := h.store.Renew(o.grant, nil, lease, nil, 10); !errors.Is(err, wire.ErrBadRequest) {
			t.Errorf("a lease of %s: %v", lease, err)
		}
	}
	if _, _, err := h.store.Renew(o.grant, nil, time.Hour, []byte("short"), 10); !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("a cursor that is none: %v", err)
	}
	if rows, next, err := h.store.Renew(newOwner(t, 9).grant, nil, time.Hour, nil, 10); len(rows) != 0 || next != nil || err != nil {
		t.Errorf("a file that is not here: %v, %v, %v", rows, next, err)
	}
}

// TestRenewOfLostFile renews nothing that is not on the disk any more.
func TestRenewOfLostFile(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	lost, there := randomBytes(64), randomBytes(65)
	mustReceive(t, h.store, o.lot(t, lost, 0, 0), lost)
	mustReceive(t, h.store, o.lot(t, there, 1, 0), there)
	if err := os.Remove(h.store.path(shard.Sum(lost))); err != nil {
		t.Fatal(err)
	}
	rows, _, err := h.store.Renew(o.grant, nil, shard.LeaseMax, nil, 10)
	if err != nil || len(rows) != 1 || rows[0].Shard != shard.Sum(there) {
		t.Errorf("renewed %v: %v", rows, err)
	}
	checkWhole(t, h.store)
}

// TestRenewRestores takes a shard out of the trash.
func TestRenewRestores(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(64)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	clock.pass(shard.LeaseDefault + GraceTime + time.Minute)
	mustExpire(t, h.store)
	clock.pass(TrashTime - time.Minute)
	if rows, _, err := h.store.Renew(o.grant, nil, 30*day, nil, 10); err != nil || len(rows) != 1 {
		t.Fatalf("renewed %v: %v", rows, err)
	}
	clock.pass(30 * day)
	mustExpire(t, h.store)
	if !isHere(t, h.store, o, data) {
		t.Error("gone within its new lease")
	}
	checkWhole(t, h.store)
}
