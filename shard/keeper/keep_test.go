package keeper

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func TestKeepTakesACharge(t *testing.T) {
	w := newWorld(t, 3)
	s, a := newSample(t, 1, 1), w.nodes[w.ids[0]]
	w.entrust(s, a, w.nodes[w.ids[1]], w.nodes[w.ids[2]])
	entries, err := os.ReadDir(a.dir)
	check(t, err)
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", e.Name(), info.Mode())
		}
		names = append(names, e.Name())
	}
	base := nameOf(s.grant)
	if want := []string{base + ".batchain", base + ".charge"}; !slices.Equal(names, want) {
		t.Fatalf("files %v, want %v", names, want)
	}
	kept, err := os.ReadFile(filepath.Join(a.dir, base+".batchain"))
	check(t, err)
	if !bytes.Equal(kept, s.repair) {
		t.Error("the manifest was changed")
	}
	if got := w.found[s.grant.Locator.Keepers()]; len(got) != 3 {
		t.Errorf("%d keepers announced themselves, want 3", len(got))
	}
	turn, err := a.keeper.Turn(t.Context(), "", s.grant, false)
	check(t, err)
	if len(turn.Keepers) != 3 || turn.Keepers[0] != a.id {
		t.Errorf("keepers %v", turn.Keepers)
	}
	before := a.record(s)
	a.start()
	if after := a.record(s); after.Wanted != 3 || !slices.Equal(after.Members, before.Members) || after.Given != before.Given {
		t.Errorf("after a restart %+v, before %+v", after, before)
	}
	for l, err := range a.keeper.Locators(t.Context()) {
		check(t, err)
		if l != s.grant.Locator.Keepers() {
			t.Error("another locator is announced")
		}
	}
}

func TestKeepRefuses(t *testing.T) {
	s, other, changed := newSample(t, 1, 1), newSample(t, 2, 1), newSample(t, 1, 2)
	long := func(c shard.Charge, n int) shard.Charge { c.Manifest = int64(n); return c }
	tests := map[string]struct {
		prepare  func(*node)
		charge   shard.Charge
		manifest []byte
		want     error
	}{
		"a host of the file":           {func(n *node) { n.holds = true }, s.charge(), s.repair, wire.ErrBadRequest},
		"a manifest that reads":        {nil, long(s.charge(), len(s.read)), s.read, wire.ErrBadRequest},
		"another file's manifest":      {nil, long(s.charge(), len(other.repair)), other.repair, wire.ErrBadRequest},
		"a damaged manifest":           {nil, s.charge(), append([]byte{1}, s.repair[1:]...), wire.ErrBadRequest},
		"a manifest that is too short": {nil, s.charge(), s.repair[:20], io.ErrUnexpectedEOF},
		"another file's key":           {nil, shard.Charge{Grant: s.signed, Repair: other.key().Seed()}, nil, wire.ErrBadSignature},
		"a file whose time is over":    {nil, shard.Charge{Grant: s.signed, Repair: s.key().Seed(), Until: 5}, nil, wire.ErrBadRequest},
		"other segments than before":   {func(n *node) { n.w.entrust(s, n) }, long(changed.charge(), len(changed.repair)), changed.repair, wire.ErrBadRequest},
		"a deleted file": {func(n *node) {
			n.w.entrust(s, n)
			check(t, n.keeper.Forget(s.grant))
		}, s.charge(), s.repair, wire.ErrDeleted},
		"more files of one peer": {func(n *node) {
			n.keeper.cfg.Limits.PeerFiles = 1
			n.w.entrust(other, n)
		}, s.charge(), s.repair, wire.ErrQuota},
		"more bytes of one peer": {func(n *node) { n.keeper.cfg.Limits.PeerBytes = int64(len(s.repair)) - 1 }, s.charge(), s.repair, wire.ErrQuota},
		"more files":             {func(n *node) { n.keeper.cfg.Limits.Files = 0 }, s.charge(), s.repair, wire.ErrFull},
		"more bytes":             {func(n *node) { n.keeper.cfg.Limits.Bytes = int64(len(s.repair)) - 1 }, s.charge(), s.repair, wire.ErrFull},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			n := w.nodes[w.ids[0]]
			if tt.prepare != nil {
				tt.prepare(n)
			}
			_, owner := identity(t, 999)
			before, _ := filepath.Glob(filepath.Join(n.dir, "*"))
			wantErr(t, n.keeper.Keep(t.Context(), owner, netip.Prefix{}, tt.charge, bytes.NewReader(tt.manifest)), tt.want)
			all, err := os.ReadDir(n.dir)
			check(t, err)
			if len(all) != len(before) {
				t.Errorf("%d files are left, there were %d", len(all), len(before))
			}
			if len(n.keeper.arriving) != 0 {
				t.Error("room is still held")
			}
		})
	}
}

// A stranger who knows the locator makes a grant of his own for it.
func TestKeepOfASquatterTakesNoPlace(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	s := newSample(t, 1, 1)
	squat, err := wire.Sign(shard.Seed{66}.AdminKey(s.id), wire.Domain{Kind: "grant", Mesh: mesh}, shard.Grant{
		Admin: shard.Seed{66}.AdminKey(s.id).Public().(ed25519.PublicKey), Repair: s.grant.Repair, Locator: s.grant.Locator, Mesh: mesh,
	})
	check(t, err)
	_, stranger := identity(t, 998)
	check(t, n.keeper.Keep(t.Context(), stranger, netip.Prefix{}, shard.Charge{Grant: squat, Repair: s.key().Seed()}, nil))
	w.entrust(s, n)
	g, err := shard.OpenGrant(squat, mesh)
	check(t, err)
	check(t, n.keeper.Forget(g))
	if !n.keepsIt(s) {
		t.Error("a stranger deleted the file")
	}
	n.start()
	if !n.keepsIt(s) || len(n.keeper.charges) != 1 {
		t.Errorf("%d charges after a restart, want the owner's", len(n.keeper.charges))
	}
}

func TestForgetOutlivesARestart(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	s, other := newSample(t, 1, 1), newSample(t, 2, 1)
	w.entrust(s, n)
	check(t, n.keeper.Forget(s.grant))
	check(t, n.keeper.Forget(other.grant)) // never kept: leaves nothing
	n.start()
	_, err := n.keeper.Turn(t.Context(), "", s.grant, false)
	wantErr(t, err, wire.ErrDeleted)
	wantErr(t, n.keeper.Keep(t.Context(), "", netip.Prefix{}, s.charge(), bytes.NewReader(s.repair)), wire.ErrDeleted)
	_, err = n.keeper.Turn(t.Context(), "", other.grant, false)
	wantErr(t, err, wire.ErrNotFound)
	if files, _ := filepath.Glob(filepath.Join(n.dir, "*")); len(files) != 1 {
		t.Errorf("files %v, want tombstones alone", files)
	}
	if len(w.found[s.grant.Locator.Keepers()]) != 0 {
		t.Error("it is announced still")
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	var tombs tombs
	const count = maxTombs + 10
	nth := func(i int) owner { return owner{byte(i), byte(i >> 8)} }
	for i := range count {
		tombs.add(nth(i), now)
	}
	if len(tombs.Tombs) != maxTombs || tombs.has(nth(0)) || !tombs.has(nth(count-1)) {
		t.Errorf("%d tombstones", len(tombs.Tombs))
	}
	tombs.add(owner{1: 1, 2: 1}, now.Add(tombTime+time.Hour))
	if len(tombs.Tombs) != 1 {
		t.Errorf("%d tombstones after 400 days, want 1", len(tombs.Tombs))
	}
}

// The file is deleted while its charge is on its way.
func TestForgetWhileItArrives(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	s := newSample(t, 1, 1)
	from := readerFunc(func(p []byte) (int, error) {
		if !bytes.Equal(p, nil) {
			check(t, n.keeper.Forget(s.grant))
		}
		return bytes.NewReader(s.repair).Read(p)
	})
	wantErr(t, n.keeper.Keep(t.Context(), "", netip.Prefix{}, s.charge(), from), wire.ErrDeleted)
	n.start()
	if n.keepsIt(s) {
		t.Error("it is kept")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestKeepAgainMerges(t *testing.T) {
	w := newWorld(t, 4)
	n := w.nodes[w.ids[0]]
	s := newSample(t, 1, 1)
	_, moved := identity(t, 50)
	newer := s.movedTo(t, moved)
	_, owner := identity(t, 999)
	keep := func(from peer.ID, c shard.Charge, manifest []byte) {
		t.Helper()
		c.Manifest = int64(len(manifest))
		check(t, n.keeper.Keep(t.Context(), from, netip.Prefix{}, c, bytes.NewReader(manifest)))
	}
	kept := func() []byte {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(n.dir, nameOf(s.grant)+".batchain"))
		check(t, err)
		return data
	}
	keep(owner, s.charge(n.id), s.repair)
	keep(owner, s.charge(w.ids[:3]...), nil)
	if r := n.record(s); r.Wanted != 3 || len(r.Members.in()) != 2 || r.Manifest != int64(len(s.repair)) {
		t.Fatalf("wanted %d, members %v, manifest of %d bytes", r.Wanted, r.Members, r.Manifest)
	}
	stranger := w.ids[3]
	c := newer.charge(w.ids...)
	c.Until = w.now.Add(time.Hour).Unix()
	keep(stranger, c, newer.repair)
	if r := n.record(s); r.Wanted != 3 || r.Until != 0 || !bytes.Equal(kept(), s.repair) {
		t.Errorf("another peer changed the charge: wanted %d, until %d", r.Wanted, r.Until)
	}
	keep(owner, newer.charge(w.ids...), newer.repair)
	if !bytes.Equal(kept(), newer.repair) || n.record(s).Manifest != int64(len(newer.repair)) {
		t.Error("the owner's newer manifest did not replace the older one")
	}
	if len(n.record(s).Members.in()) != 3 {
		t.Errorf("members %v", n.record(s).Members)
	}
}

func TestNewClearsAwayWhatACrashLeft(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	s := newSample(t, 1, 1)
	w.entrust(s, n)
	for _, name := range []string{"." + nameOf(s.grant) + arrivingSuffix + ".123", "." + nameOf(s.grant) + manifestSuffix + ".123", "orphan" + manifestSuffix, "broken" + chargeSuffix} {
		writeFile(t, filepath.Join(n.dir, name), []byte("x"))
	}
	n.start()
	if !n.keepsIt(s) || len(n.keeper.charges) != 1 {
		t.Errorf("%d charges", len(n.keeper.charges))
	}
	left, err := os.ReadDir(n.dir)
	check(t, err)
	var names []string
	for _, e := range left {
		names = append(names, strings.TrimPrefix(e.Name(), nameOf(s.grant)))
	}
	if want := []string{"broken.charge", ".batchain", ".charge"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
}

// A disk that is full in the middle of a manifest leaves nothing behind.
func TestKeepWhoseReaderBreaks(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	s := newSample(t, 1, 1)
	broken := io.MultiReader(bytes.NewReader(s.repair[:40]), readerFunc(func([]byte) (int, error) { return 0, context.Canceled }))
	wantErr(t, n.keeper.Keep(t.Context(), "", netip.Prefix{}, s.charge(), broken), context.Canceled)
	if files, _ := os.ReadDir(n.dir); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

// Whoever becomes a host of a file is its keeper no more, and may be again.
func TestResign(t *testing.T) {
	w := newWorld(t, 3)
	a, s, other := w.nodes[w.ids[0]], newSample(t, 1, 1), newSample(t, 2, 1)
	w.entrust(s, a)
	w.entrust(other, a)
	check(t, a.keeper.Resign(s.grant))
	_, err := a.keeper.Turn(t.Context(), "", s.grant, false)
	wantErr(t, err, wire.ErrNotFound)
	_, err = a.keeper.Turn(t.Context(), "", other.grant, false)
	check(t, err)
	w.entrust(s, a)
	_, err = a.keeper.Turn(t.Context(), "", s.grant, false)
	check(t, err)
}

// Who brought a charge, maybe a keeper that turned hostile, shortens its time only
// while it is new, and lengthens it whenever he likes.
func TestAKeeperCannotShortenTheTime(t *testing.T) {
	w := newWorld(t, 2)
	s := newSample(t, 1, 1)
	honest, hostile := w.nodes[w.ids[0]], w.ids[1]
	c := s.charge(honest.id, hostile) // a hand over: until for ever
	check(t, honest.keeper.Keep(t.Context(), hostile, netip.Prefix{}, c, bytes.NewReader(s.repair)))
	keep := func(until time.Time) int64 {
		t.Helper()
		c.Manifest, c.Until = 0, until.Unix()
		check(t, honest.keeper.Keep(t.Context(), hostile, netip.Prefix{}, c, nil))
		return honest.record(s).Until
	}
	first := w.clock().Add(30 * day)
	if keep(first) != first.Unix() {
		t.Error("a new charge's time cannot be shortened")
	}
	w.pass(2 * time.Hour)
	if keep(w.clock().Add(time.Minute)) != first.Unix() {
		t.Error("a keeper shortened the time")
	}
	longer := first.Add(day)
	if keep(longer) != longer.Unix() {
		t.Error("the time cannot be lengthened")
	}
	for range 40 {
		w.round(6 * time.Hour)
	}
	if !honest.keepsIt(s) {
		t.Error("the file was given up")
	}
}

// Peer ids cost nothing: many of one network do not fill a keeper, and it does not
// forget that when it is started anew.
func TestOneNetworkDoesNotFillAKeeper(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	n.limits = Limits{Files: 16, PeerFiles: 2}
	n.start()
	keep := func(i, from int, network string) error {
		s, at := newSample(t, byte(i), 1), netip.Prefix{}
		if network != "" {
			at = netip.MustParsePrefix(network)
		}
		_, id := identity(t, 2000+from)
		return n.keeper.Keep(t.Context(), id, at, s.charge(n.id), bytes.NewReader(s.repair))
	}
	const one, other = "203.0.113.0/24", "2001:db8::/48"
	for i := range 8 {
		check(t, keep(i, i/2, one))
	}
	n.start()
	wantErr(t, keep(20, 20, one), wire.ErrQuota)
	check(t, keep(21, 21, other))
	for i := range 6 { // on loopback there is no network
		check(t, keep(30+i, 30+i, ""))
	}
}
