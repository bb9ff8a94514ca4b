package store

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

// TestLots walks more places than one page has, and checks each as another host
// will.
func TestLots(t *testing.T) {
	h := newHome(t)
	data, near := randomBytes(64), netip.MustParsePrefix("192.0.2.0/24")
	want := make(map[shard.Digest]map[shard.Offer]bool)
	const each = eachPage/2 - 3
	for i := range byte(3) {
		o := newOwner(t, i+1)
		offers := make(map[shard.Offer]bool)
		want[shard.GrantDigest(o.signed)] = offers
		var wg sync.WaitGroup
		for segment := range uint32(each) {
			lot := o.lot(t, data, segment, 0)
			lot.From, lot.Draft = near, i == 2
			offers[lot.Offer] = true
			if segment == 0 {
				mustReceive(t, h.store, lot, data)
				continue
			}
			wg.Go(func() {
				if _, err := h.store.Receive(context.Background(), lot, sends(data)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	for lot, err := range h.store.Lots(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		digest := shard.GrantDigest(lot.SignedGrant)
		g, err := shard.OpenGrant(lot.SignedGrant, testMesh)
		if err != nil {
			t.Fatal(err)
		}
		offer, err := shard.OpenOffer(lot.SignedOffer, g, digest)
		if err != nil || offer != lot.Offer || !g.Admin.Equal(lot.Grant.Admin) || lot.From != near || !want[digest][offer] {
			t.Fatalf("lot %+v: %v", lot.Offer, err)
		}
		delete(want[digest], offer)
		if draft := lot.Peer == peerOf(t, 3); draft != lot.Draft {
			t.Errorf("lot of %v is a draft: %v", lot.Peer, lot.Draft)
		}
	}
	for _, offers := range want {
		if len(offers) != 0 {
			t.Errorf("%d lots are missing", len(offers))
		}
	}
}

// TestLotsWithoutALease lets leases end that one host has given: shards and notes
// in their grace are served, and not handed on.
func TestLotsWithoutALease(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	over, runs, data := newOwner(t, 1), newOwner(t, 2), randomBytes(500)
	mustReceive(t, h.store, over.lot(t, data, 0, 0), data)
	mustPutNote(t, h.store, over.note(t, 1, 1, []byte("note")))
	clock.pass(shard.LeaseDefault - time.Minute)
	mustReceive(t, h.store, runs.lot(t, data, 0, 0), data)
	mustPutNote(t, h.store, runs.note(t, 1, 1, []byte("note")))
	for _, step := range []struct {
		pass time.Duration
		want int
	}{{0, 2}, {2 * time.Minute, 1}, {time.Hour, 1}} {
		clock.pass(step.pass)
		lots, notes := 0, 0
		for lot, err := range h.store.Lots(t.Context()) {
			if lots++; err != nil || step.want == 1 && lot.Peer != runs.peer {
				t.Errorf("lot of %v: %v", lot.Peer, err)
			}
		}
		for lot, err := range h.store.AllNotes(t.Context()) {
			if notes++; err != nil || step.want == 1 && lot.Peer != runs.peer {
				t.Errorf("note of %v: %v", lot.Peer, err)
			}
		}
		if lots != step.want || notes != step.want {
			t.Errorf("%s later: %d lots and %d notes, want %d", step.pass, lots, notes, step.want)
		}
	}
	if !isHere(t, h.store, over, data) {
		t.Error("a shard in its grace is not served")
	}
}

// TestLotsWhileLeaving deletes what it is given, and reads on: what is gone, in
// the trash or damaged is left out.
func TestLotsWhileLeaving(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	late := newOwner(t, 1)
	data := randomBytes(500)
	mustReceive(t, h.store, late.lot(t, data, 0, 0), data)
	clock.pass(shard.LeaseDefault + GraceTime + day)
	mustExpire(t, h.store)
	o := newOwner(t, 2)
	for i := range byte(6) {
		data := randomBytes(1000 + int(i))
		mustReceive(t, h.store, o.lot(t, data, 0, i), data)
		if i == 3 {
			spoil(t, h.store, shard.Sum(data))
		}
		mustPutNote(t, h.store, o.note(t, uint32(i), 1, []byte("note")))
	}
	lots, notes := 0, 0
	for lot, err := range h.store.Lots(t.Context()) {
		if lots++; err != nil || lot.Peer != o.peer {
			t.Errorf("lot of %v: %v", lot.Peer, err)
		}
	}
	for _, err := range h.store.AllNotes(t.Context()) {
		if notes++; err != nil {
			t.Error(err)
		}
	}
	if lots != 5 || notes != 6 {
		t.Errorf("%d lots, %d notes", lots, notes)
	}
	lots, notes = 0, 0
	for lot, err := range h.store.Lots(t.Context()) {
		lots++
		for range h.store.AllNotes(t.Context()) {
			notes++
			break
		}
		if _, deleted := h.store.Delete(lot.Grant); err != nil || deleted != nil {
			t.Fatal(err, deleted)
		}
	}
	if lots != 1 || notes != 1 {
		t.Errorf("%d lots, %d notes though the first was deleted with its file", lots, notes)
	}
	checkWhole(t, h.store)
}

func TestLotsEndWithContext(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	for i := range byte(3) {
		data := randomBytes(100 + int(i))
		mustReceive(t, h.store, o.lot(t, data, 0, i), data)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []error
	for _, err := range h.store.Lots(ctx) {
		got = append(got, err)
		cancel()
	}
	if len(got) != 2 || got[0] != nil || !errors.Is(got[1], context.Canceled) {
		t.Errorf("lots gave %v", got)
	}
}
