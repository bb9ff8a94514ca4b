package keeper

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

// newest returns how many nodes have a note of the sample's writer with this
// number.
func (w *world) newest(s sample, writer uint32, seq uint64) (count int) {
	for _, n := range w.nodes {
		note, ok := n.notes[fmt.Sprint(string(s.grant.Admin), writer)]
		if !ok {
			continue
		}
		terms, err := shard.OpenNote(note.Note, s.grant, shard.GrantDigest(s.signed))
		check(w.t, err)
		if terms.Seq == seq {
			count++
		}
	}
	return count
}

func TestNotesAreCarriedToTheHostsOfAFile(t *testing.T) {
	w := newWorld(t, 13)
	s := newSample(t, 1, 1)
	k, hosts := w.nodes[w.ids[0]], w.ids[1:13]
	w.entrust(s, k)
	k.engine.audit.Hosts = nil
	for _, id := range hosts {
		k.engine.audit.Hosts = append(k.engine.audit.Hosts, transfer.HostReport{Peer: id, OK: 1})
	}
	for i, id := range hosts[:3] {
		w.nodes[id].has(s, 7, s.note(t, 7, uint64(i+1), "old"))
	}
	w.nodes[hosts[4]].has(s, 9, s.note(t, 9, 1, "of another device"))
	w.round(6 * time.Hour)
	if a, b := w.newest(s, 7, 3), w.newest(s, 9, 1); a != noteHosts || b != noteHosts {
		t.Errorf("notes at %d and %d hosts, want %d", a, b, noteHosts)
	}
	if w.newest(s, 7, 1)+w.newest(s, 7, 2) != 0 {
		t.Error("old notes are left where the newest could be")
	}
	if len(k.notes) != 0 {
		t.Error("the keeper became a host")
	}
}

// Whoever makes a grant of his own for the locator has no note carried on, and
// pushes none aside.
func TestNotesOfStrangersAreLeftAlone(t *testing.T) {
	w := newWorld(t, 4)
	s := newSample(t, 1, 1)
	w.entrust(s, w.nodes[w.ids[0]])
	admin := shard.Seed{66}.AdminKey(s.id)
	g := s.grant
	g.Admin = publicOf(admin)
	squat, err := wire.Sign(admin, wire.Domain{Kind: "grant", Mesh: mesh}, g)
	check(t, err)
	forged := s.note(t, 1, 1000, "forged")
	terms := shard.Note{Grant: shard.GrantDigest(squat), Writer: 1, Seq: 1000, Length: 6, Sum: shard.Digest(shard.Sum([]byte("forged"))), Lease: 60}
	forged.Grant = squat
	forged.Note, err = terms.Sign(admin, mesh)
	check(t, err)
	damaged := s.note(t, 2, 5, "as it was signed")
	damaged.Blob = []byte("not as it was signed")
	hosts := w.ids[1:]
	w.nodes[hosts[0]].has(sample{grant: g}, 1, forged)
	w.nodes[hosts[1]].has(s, 2, damaged)
	w.nodes[hosts[2]].has(s, 1, s.note(t, 1, 1, "true"))
	w.round(6 * time.Hour)
	if got := w.newest(s, 1, 1); got != 3 {
		t.Errorf("the true note is at %d hosts, want 3", got)
	}
	for _, id := range hosts[1:] {
		for key, n := range w.nodes[id].notes {
			if string(n.Blob) == "forged" || string(n.Blob) == "not as it was signed" && id != hosts[1] {
				t.Errorf("%q was carried on as %q", n.Blob, key)
			}
		}
	}
}

// Among the hosts of notes may be the keeper whose turn it is: what it has itself
// counts as what others have.
func TestKeeperHasTheNewestNoteItself(t *testing.T) {
	w := newWorld(t, 14)
	s := newSample(t, 1, 1)
	keepers, err := w.byTurn(s)[0].keeper.EntrustNotes(t.Context(), s.signed, s.key(), 3)
	check(t, err)
	byDistance(s.grant.Locator, keepers)
	for i, id := range []peer.ID{keepers[1], keepers[0]} {
		w.nodes[id].has(s, 1, s.note(t, 1, uint64(i+1), "page"))
	}
	w.round(6 * time.Hour)
	if got := w.newest(s, 1, 2); got != noteHosts {
		t.Errorf("the newest page is at %d hosts, want %d", got, noteHosts)
	}
}

func TestALocatorOfNotesOnly(t *testing.T) {
	w := newWorld(t, 14)
	s := newSample(t, 1, 1)
	k := w.byTurn(s)[0]
	keepers, err := k.keeper.EntrustNotes(t.Context(), s.signed, s.key(), 3)
	check(t, err)
	if len(keepers) != 3 {
		t.Fatalf("%d keepers, want 3", len(keepers))
	}
	for i, id := range w.ids[:2] {
		w.nodes[id].has(s, 1, s.note(t, 1, uint64(i+1), "page"))
	}
	w.round(6 * time.Hour)
	if got := w.newest(s, 1, 2); got != noteHosts {
		t.Fatalf("the newest page is at %d hosts, want %d", got, noteHosts)
	}
	// For 300 days a host goes every ten days; the owner is away.
	gone := 0
	for d := range 300 {
		w.round(day)
		if d%10 != 0 {
			continue
		}
		for _, id := range w.ids {
			if n := w.nodes[id]; len(n.notes) > 0 && !slices.Contains(keepers, id) && !n.down {
				n.down = true
				gone++
				w.withdraw(s.grant.Locator, id)
				w.add()
				break
			}
		}
	}
	alive, renewed := 0, 0
	for _, n := range w.nodes {
		if len(n.notes) > 0 && !n.down {
			alive++
		}
		renewed += n.renewed
	}
	if alive < noteHosts || gone < 20 {
		t.Errorf("after 300 days and %d hosts lost the page is at %d, want %d", gone, alive, noteHosts)
	}
	if renewed == 0 {
		t.Error("no host was told to keep them longer")
	}
}

func TestEntrustRemembersWhomItAsked(t *testing.T) {
	w := newWorld(t, 9)
	_, far := identity(t, 700)
	s := newSample(t, 1, 1, w.ids[1], far)
	owner := w.nodes[w.ids[0]]
	w.announce(s.grant.Locator, w.ids[2])
	w.nodes[w.ids[2]].holds = true
	w.nodes[w.ids[3]].holds = true
	path := t.TempDir() + "/read.batchain"
	writeFile(t, path, s.read)
	entrust := func(n int) []peer.ID {
		t.Helper()
		until := w.now.Add(100 * day)
		keepers, err := owner.keeper.Entrust(t.Context(), path, n, until)
		check(t, err)
		for _, id := range keepers {
			if slices.Contains(w.ids[:4], id) {
				t.Errorf("the owner or a host is a keeper: %d", slices.Index(w.ids, id))
			}
			if r := w.nodes[id].record(s); r.Until != until.Unix() {
				t.Errorf("until %d", r.Until)
			}
		}
		slices.Sort(keepers)
		return keepers
	}
	first := entrust(3)
	for _, id := range first {
		if r := w.nodes[id].record(s); r.Wanted != 3 || len(r.Members.in()) != 2 {
			t.Errorf("wanted %d, members %v", r.Wanted, r.Members)
		}
	}
	owner.start()
	if again := entrust(3); len(first) != 3 || !slices.Equal(first, again) {
		t.Errorf("first %v, then %v", first, again)
	}
	w.nodes[first[0]].down = true
	if later := entrust(3); len(later) != 3 || slices.Contains(later, first[0]) {
		t.Errorf("a silent keeper counts: %v", later)
	}
	if all := entrust(16); len(all) != 4 {
		t.Errorf("%d keepers of 4 possible", len(all))
	}
	m, closeManifest, err := openManifest(path)
	check(t, err)
	defer closeManifest()
	if got := owner.keeper.Keepers(t.Context(), m); len(got) != 4 {
		t.Errorf("%d keepers are known, want the 4 that answer", len(got))
	}
}

func TestVolunteer(t *testing.T) {
	w := newWorld(t, 4)
	s := newSample(t, 1, 1)
	w.entrust(s, w.nodes[w.ids[0]], w.nodes[w.ids[1]], w.nodes[w.ids[2]])
	path := t.TempDir() + "/repair.batchain"
	writeFile(t, path, s.repair)
	n := w.nodes[w.ids[3]]
	n.holds = true
	wantErr(t, n.keeper.Volunteer(t.Context(), path), ErrHost)
	n.holds = false
	n.keeper.cfg.Mesh = "other"
	wantErr(t, n.keeper.Volunteer(t.Context(), path), ErrMesh)
	n.keeper.cfg.Mesh = mesh
	before := w.nodes[w.ids[0]].keeps + w.nodes[w.ids[1]].keeps
	check(t, n.keeper.Volunteer(t.Context(), path))
	if w.nodes[w.ids[0]].keeps+w.nodes[w.ids[1]].keeps != before {
		t.Error("who announced himself was sent the repair key")
	}
	if r := n.record(s); r.Wanted != usualKeepers {
		t.Errorf("wanted %d", r.Wanted)
	}
	for _, other := range w.ids[:3] {
		if !slices.Contains(w.nodes[other].record(s).Members.in(), n.id) {
			t.Error("a keeper did not learn of the new one")
		}
	}
	w.round(6 * time.Hour) // they ask him in their turn
	for _, n := range w.nodes {
		if r := n.record(s); len(r.Members.in()) != 3 {
			t.Errorf("members %v, want three others", r.Members)
		}
	}
	writeFile(t, path, s.repair[1:])
	wantErr(t, n.keeper.Volunteer(t.Context(), path), shard.ErrManifest)
}
