package store

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

const day = 24 * time.Hour

// isHere reports whether a shard can be read and is listed as the owner's.
func isHere(t testing.TB, s *Store, o *owner, data []byte) bool {
	t.Helper()
	r, _, err := s.Open(shard.Sum(data))
	if err == nil {
		got, err := io.ReadAll(r)
		if r.Close(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes: %v", len(got), err)
		}
	} else if !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	rows, _, listErr := s.Held(o.grant.Admin, nil, 1000)
	if listErr != nil {
		t.Error(listErr)
	}
	for _, row := range rows {
		if row.Shard == shard.Sum(data) {
			return err == nil
		}
	}
	return false
}

// TestLeaseEnds follows a shard from its lease's end through grace and trash,
// where it is served as ever, until it is gone.
func TestLeaseEnds(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(50_000)
	end, err := h.store.Receive(t.Context(), o.lot(t, data, 3, 1), sends(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		passes time.Duration
		here   bool
	}{
		{shard.LeaseDefault - time.Minute, true}, // to the end of the lease
		{GraceTime, true},                        // to the end of the grace
		{2 * time.Minute, true},                  // into the trash
		{TrashTime - time.Minute, true},          // to the end of the trash
		{2 * time.Minute, false},
	} {
		clock.pass(step.passes)
		mustExpire(t, h.store)
		if here := isHere(t, h.store, o, data); here != step.here {
			t.Fatalf("%s after the lease's end, the shard is here: %v", clock.now().Sub(end), here)
		}
		checkWhole(t, h.store)
	}
	if u := h.store.Usage(); u.Used != 0 || u.Places != 0 {
		t.Errorf("usage %+v", u)
	}
	mustReceive(t, h.store, o.lot(t, data, 3, 1), data)
	checkWhole(t, h.store)
}

func TestHeldListsTheTrash(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(100)
	end, err := h.store.Receive(t.Context(), o.lot(t, data, 0, 0), sends(data))
	if err != nil {
		t.Fatal(err)
	}
	clock.pass(shard.LeaseDefault + GraceTime + day)
	mustExpire(t, h.store)
	rows, _, err := h.store.Held(o.grant.Admin, nil, 10)
	if err != nil || len(rows) != 1 || rows[0].LeaseEnd != end.Unix() {
		t.Errorf("held in the trash: %v, %v", rows, err)
	}
}

// TestDrafts drops what nobody confirmed within a day, and only that.
func TestDrafts(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	shards := make(map[string][]byte)
	owners := make(map[string]*owner)
	offer := func(name string, draft bool) {
		t.Helper()
		lot := owners[name].lot(t, shards[name], 0, 0)
		lot.Draft = draft
		end, err := h.store.Receive(t.Context(), lot, sends(shards[name]))
		if err != nil || end.Sub(clock.now()) < shard.LeaseDefault-time.Minute {
			t.Fatalf("%s: receipt of a lease until %v: %v", name, end, err)
		}
	}
	for i, name := range []string{"left", "confirmed", "offered again", "put again", "finished before", "drafted twice"} {
		owners[name], shards[name] = newOwner(t, byte(i+1)), randomBytes(1000+i)
		offer(name, name != "finished before")
	}
	offer("finished before", true)
	clock.pass(20 * time.Hour)
	if rows, _, err := h.store.Renew(owners["confirmed"].grant, nil, time.Hour, nil, 10); err != nil || len(rows) != 1 {
		t.Fatalf("confirmed %v: %v", rows, err)
	}
	offer("offered again", true)
	offer("put again", false)
	expect := func(gone ...string) {
		t.Helper()
		mustExpire(t, h.store)
		left := make(map[string]bool)
		for _, name := range gone {
			left[name] = true
		}
		for name, o := range owners {
			if here := isHere(t, h.store, o, shards[name]); here == left[name] {
				t.Errorf("%s: here %v", name, here)
			}
		}
		checkWhole(t, h.store)
	}
	expect()
	h.reopen(t, clock.use)
	clock.pass(5 * time.Hour)
	expect("left", "drafted twice")
	clock.pass(20 * time.Hour)
	expect("left", "drafted twice", "offered again")
	clock.pass(30 * day)
	expect("left", "drafted twice", "offered again")
}

// TestClockJumps sets the wall clock a year ahead. Whatever it says, nothing is
// deleted before the owner has had the time of the trash.
func TestClockJumps(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(50_000)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	state := func() (row leaseRow) {
		t.Helper()
		err := h.store.view(func(tx tx) error {
			_, err := tx.get(leaseKey(shard.Sum(data), admin(o.grant.Admin)), &row)
			return err
		})
		if err != nil || row.End == 0 {
			t.Fatalf("no lease: %v", err)
		}
		return row
	}
	clock.pass(2 * day)
	mustExpire(t, h.store)
	clock.jump(365 * day)
	for range 6 {
		mustExpire(t, h.store)
		if row := state(); row.Trash != 0 {
			t.Fatal("a clock that has just jumped was believed")
		}
		clock.pass(9 * time.Minute)
	}
	clock.jump(-365 * day)
	clock.pass(2 * time.Hour)
	mustExpire(t, h.store)
	mustExpire(t, h.store)
	if row := state(); row.Trash != 0 {
		t.Fatal("a jump there and back moved a shard to the trash")
	}
	clock.jump(365 * day)
	for range 7 * 24 {
		mustExpire(t, h.store)
		clock.pass(time.Hour)
	}
	if row := state(); row.Trash == 0 || !isHere(t, h.store, o, data) {
		t.Fatalf("lease %+v a week after the jump", row)
	}
	if rows, _, err := h.store.Renew(o.grant, nil, shard.LeaseDefault, nil, 10); err != nil || len(rows) != 1 {
		t.Fatalf("renewed %v: %v", rows, err)
	}
	clock.pass(30 * day)
	mustExpire(t, h.store)
	if row := state(); row.Trash != 0 {
		t.Errorf("lease %+v after it was renewed", row)
	}
	checkWhole(t, h.store)
}

// TestStartIsNoProof expires nothing in the first hour of a process.
func TestStartIsNoProof(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(1000)
	lot := o.lot(t, data, 0, 0)
	lot.Draft = true
	mustReceive(t, h.store, lot, data)
	clock.pass(30 * day)
	h.reopen(t, clock.use)
	clock.pass(59 * time.Minute)
	mustExpire(t, h.store)
	if !isHere(t, h.store, o, data) {
		t.Fatal("gone within the first hour")
	}
	clock.pass(2 * time.Minute)
	mustExpire(t, h.store)
	if isHere(t, h.store, o, data) {
		t.Error("stays after it")
	}
}

// TestLastLeaseTakesTheBytes lets two owners have the same shard, one for
// longer.
func TestLastLeaseTakesTheBytes(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	a, b := newOwner(t, 1), newOwner(t, 2)
	data := randomBytes(1000)
	mustReceive(t, h.store, a.lot(t, data, 0, 0), data)
	mustReceive(t, h.store, b.lot(t, data, 7, 7), data)
	clock.pass(30 * day)
	if _, _, err := h.store.Renew(b.grant, nil, shard.LeaseDefault, nil, 10); err != nil {
		t.Fatal(err)
	}
	clock.pass(30*day + GraceTime + time.Minute)
	mustExpire(t, h.store)
	clock.pass(TrashTime + time.Minute)
	mustExpire(t, h.store)
	if isHere(t, h.store, a, data) || !isHere(t, h.store, b, data) {
		t.Error("the shard is not there for the second owner alone")
	}
	checkWhole(t, h.store)
	clock.pass(30 * day)
	mustExpire(t, h.store)
	clock.pass(TrashTime + time.Minute)
	mustExpire(t, h.store)
	if isHere(t, h.store, b, data) || h.store.Usage().Used != 0 {
		t.Error("bytes stay without a lease")
	}
	checkWhole(t, h.store)
}

// TestExpiryDuringGet removes a shard that is being read: the reader gets all
// of it.
func TestExpiryDuringGet(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(500_000)
	lot := o.lot(t, data, 0, 0)
	lot.Draft = true
	mustReceive(t, h.store, lot, data)
	r, _, err := h.store.Open(lot.Offer.Shard)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	start := make([]byte, 1000)
	if _, err := io.ReadFull(r, start); err != nil {
		t.Fatal(err)
	}
	clock.pass(2 * day)
	mustExpire(t, h.store)
	if isHere(t, h.store, o, data) {
		t.Fatal("the shard stays")
	}
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(start, rest...), data) {
		t.Errorf("read %d bytes more: %v", len(rest), err)
	}
}

// TestExpiryInSteps drops more than one transaction takes, and walks over what
// is not due.
func TestExpiryInSteps(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o, other := newOwner(t, 1), newOwner(t, 2)
	for i := range 2*dropAtOnce + 5 {
		data := fixedBytes(byte(i), 100)
		lot := o.lot(t, data, uint32(i), 0)
		lot.Draft = true
		mustReceive(t, h.store, lot, data)
	}
	stays := randomBytes(100)
	mustReceive(t, h.store, other.lot(t, stays, 0, 0), stays)
	clock.pass(2 * day)
	mustExpire(t, h.store)
	if u := h.store.Usage(); u.Shards != 1 || !isHere(t, h.store, other, stays) {
		t.Errorf("%d shards stay", u.Shards)
	}
	checkWhole(t, h.store)
}

// TestStaleDueRows ends rows se that no lease, or another time, belongs to, and
// touches nothing else.
func TestStaleDueRows(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(100)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	mustPutNote(t, h.store, o.note(t, 1, 1, []byte("note")))
	note := noteAt{o.grant.Locator, admin(o.grant.Admin), 1}
	other := noteAt{o.grant.Locator, admin{2}, 1}
	err := h.store.update(func(b *batch) error {
		for _, row := range [][]byte{
			leaseKey(shard.Sum(data), admin(o.grant.Admin)), leaseKey(shard.ID{1}, admin{2}), []byte("s?"),
			note.key(keyNote), other.key(keyNote),
		} {
			if err := b.reschedule(row, 0, clock.now().Unix()); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	clock.pass(2 * time.Hour)
	mustExpire(t, h.store)
	if rows, _, err := h.store.Held(o.grant.Admin, nil, 10); err != nil || len(rows) != 1 {
		t.Errorf("held %v: %v", rows, err)
	}
	var row noteRow
	err = h.store.view(func(tx tx) error { _, err := tx.get(note.key(keyNote), &row); return err })
	if err != nil || row.End == 0 || row.Trash != 0 {
		t.Errorf("note %+v: %v", row, err)
	}
	checkWhole(t, h.store)
}
