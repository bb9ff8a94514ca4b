package devices

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
	"github.com/batchain/batchain/wire"
)

func TestPutsAndRemovesAreEverywhere(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	both := []*machine{a, b}
	x := a.put("x")
	w.equal("what one put, the other has", both, x)
	y := b.put("y")
	w.equal("and the other way", both, x, y)
	b.remove(x)
	w.equal("what one removed is gone", both, y)
	a.remove(y)
	w.equal("and the other way", both)
	if known, err := b.cat.Known(x, y); err != nil || !known[x].Gone || !known[y].Gone {
		t.Errorf("the durable list does not know that they are gone: %v, %v", known, err)
	}
}

// TestAwayAndBack: each changes its list while the other is off, by a node or by a
// command, and both know all when they meet.
func TestAwayAndBack(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	both := []*machine{a, b}
	old, older := a.put("old"), b.put("older")
	w.equal("they begin equal", both, old, older)
	b.off()
	x := a.put("x")
	a.remove(old)
	a.off()
	y := b.put("y") // by a command: no node runs
	b.on()
	b.remove(older)
	z := b.put("z")
	a.on()
	w.equal("both know all", both, x, y, z)
}

// TestBothPutAtOnce: of one name, and one is removed meanwhile elsewhere.
func TestBothPutAtOnce(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	first := a.put("notes")
	w.equal("they begin equal", []*machine{a, b}, first)
	a.off()
	b.off()
	x, y := a.put("notes"), b.put("notes")
	a.remove(first) // sees neither x nor y
	a.on()
	b.on()
	w.equal("both are kept, and what was removed is gone", []*machine{a, b}, x, y)
}

// TestThree: the third gets from one what another put that is off by then.
func TestThree(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	x, gone := a.put("x"), a.put("gone")
	w.equal("two are equal", []*machine{a, b}, x, gone)
	a.remove(gone)
	w.equal("two are equal", []*machine{a, b}, x)
	a.off()
	c := w.machine(a.seed)
	stale := c.put("stale")
	c.on()
	w.equal("the third knows all", []*machine{b, c}, x, stale)
	a.on()
	w.equal("and so does the first", []*machine{a, b, c}, x, stale)
	w.await("each sees two", func() bool { return a.Seen() == 2 && b.Seen() == 2 && c.Seen() == 2 })
}

// TestTheListIsWholeWithoutItsFile: a lost or damaged replica file is no reason not
// to start, takes no file away, and brings no deleted one back.
func TestTheListIsWholeWithoutItsFile(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"lost": func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"damaged": func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			must(t, err)
			data[len(data)/3] ^= 1
			must(t, os.WriteFile(path, data, 0o600))
		},
		"emptied":  func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"a folder": func(t *testing.T, path string) { must(t, os.Remove(path)); must(t, os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			a, b := w.pair()
			x, y, gone := a.put("x"), b.put("y"), a.put("gone")
			w.equal("they begin equal", []*machine{a, b}, x, y, gone)
			b.off()
			a.remove(gone)
			z := a.put("z")
			spoil(t, b.path("devices.replica"))
			b.on()
			w.equal("the list is whole", []*machine{a, b}, x, y, z)
			_, err := os.Stat(b.path("devices.replica.aside"))
			if aside := name == "damaged" || name == "a folder"; aside != (err == nil) || aside != b.log.has("set aside") {
				t.Errorf("set aside and told: %v, %v", err == nil, b.log.has("set aside"))
			}
			more := b.put("more")
			w.equal("and goes on", []*machine{a, b}, x, y, z, more)
			b.off()
			b.on()
			w.equal("after a restart too", []*machine{a, b}, x, y, z, more)
		})
	}
}

// TestAListThatForgetsDeletesNothing: what vanishes from the shared list without
// having been removed by anybody stays on every device, and is listed again.
func TestAListThatForgetsDeletesNothing(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	x, y := a.put("x"), b.put("y")
	w.equal("they begin equal", []*machine{a, b}, x, y)
	must(t, a.files.Remove(string(x[:]), string(y[:])))
	w.await("it is listed again", func() bool { return a.files.Len() == 2 && b.files.Len() == 2 })
	w.equal("and is still there", []*machine{a, b}, x, y)
}

// TestADeviceThatDoesNotAnswer, though its stream for the list stands, holds up
// nobody else.
func TestADeviceThatDoesNotAnswer(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	c := w.machine(a.seed)
	c.on()
	w.await("all see all", func() bool { return a.Seen() == 2 && b.Seen() == 2 && c.Seen() == 2 })
	c.host.SetStreamHandler(ProtocolID("test"), func(s network.Stream) { _ = s.Reset() })
	x := a.put("x")
	w.equal("the others go on", []*machine{a, b}, x)
	c.off()
	c.on()
	w.equal("and so does it when it answers", []*machine{a, b, c}, x)
}

// TestAnEmptyMachineWithTheKey gets everything, under a new identity or its old one.
func TestAnEmptyMachineWithTheKey(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	x, y := a.put("x"), b.put("y")
	w.equal("they begin equal", []*machine{a, b}, x, y)
	b.off()
	must(t, os.RemoveAll(b.home))
	c := w.machine(a.seed)
	b.on()
	c.on()
	w.equal("all are equal", []*machine{a, b, c}, x, y)
	z := b.put("z")
	w.equal("and it goes on", []*machine{a, b, c}, x, y, z)
}

// TestAFileThatOnlyServesAnother stays hidden on every device.
func TestAFileThatOnlyServesAnother(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	x, holder := a.put("x"), shard.NewFileID()
	must(t, os.WriteFile(a.manifest(holder), manifestOf(t, a.seed, holder, "manifest"), 0o600))
	_, err := a.cat.Enter(catalogue.Entry{File: holder, Added: time.Now(), Of: x})
	must(t, err)
	a.Changed()
	w.equal("both have both", []*machine{a, b}, x, holder)
	if hidden := catalogue.Hidden(b.home); !hidden[holder] || len(hidden) != 1 {
		t.Errorf("hidden are %v", hidden)
	}
}

// visit opens a stream to a machine, as a stranger would.
func (m *machine) visit(t *testing.T, to *machine) network.Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s, err := m.host.NewStream(ctx, to.host.ID(), ProtocolID("test"))
	must(t, err)
	must(t, s.SetDeadline(time.Now().Add(10*time.Second)))
	return s
}

// TestAStrangerGetsNothing: not with a mark that it copied, not with the wrong key,
// not with questions before or instead of a proof.
func TestAStrangerGetsNothing(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	x := a.put("x")
	w.equal("they are equal", []*machine{a, b}, x)
	m := w.machine(shard.NewSeed())
	mine := m.put("mine")
	m.on()
	w.join(m, a.Mark())
	if m.Met(a.host.ID()) || a.recognise()[m.host.ID()] || a.Met(m.host.ID()) {
		t.Error("a mark of another peer makes a device")
	}
	for name, say := range map[string]func(s network.Stream) error{
		"another key": func(s network.Stream) error {
			_ = pair{key(m.seed.DevicesKey("test")), "test", m.host.ID(), a.host.ID()}.open(s, purposeList)
			return wire.WriteMessage(s, kindProof, proofMessage{purposeList, make([]byte, proofSize)})
		},
		"a question first": func(s network.Stream) error {
			return wire.WriteMessage(s, kindAsk, askMessage{[]shard.FileID{x}, true})
		},
		"a question for a proof": func(s network.Stream) error {
			err := wire.WriteMessage(s, kindHello, helloMessage{newNonce()})
			return errors.Join(err, wire.WriteMessage(s, kindAsk, askMessage{[]shard.FileID{x}, true}))
		},
		"a long frame": func(s network.Stream) error {
			head := binary.BigEndian.AppendUint32(nil, 1<<30)
			_, err := s.Write(append(head, kindHello))
			return err
		},
	} {
		s := m.visit(t, a)
		_ = say(s)
		got, err := io.ReadAll(s)
		if len(got) > 128 || err == nil {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
		_ = s.Reset()
	}
	if a.Seen() != 1 || m.Seen() != 0 || !m.has(mine) || !a.has(x) {
		t.Error("a stranger takes part")
	}
}

// TestStrangersDoNotKeepDevicesOut: as many streams as are taken stand open and
// prove nothing, and a device gets in all the same.
func TestStrangersDoNotKeepDevicesOut(t *testing.T) {
	w := newTown(t)
	seed := shard.NewSeed()
	a, b := w.machine(seed), w.machine(seed)
	if a.id() < b.id() {
		a, b = b, a // b opens the stream
	}
	a.on()
	var open []network.Stream
	for range maxUnproven/maxGuest + 1 {
		m := w.machine(shard.NewSeed())
		m.on()
		for range maxGuest + 1 {
			s := m.visit(t, a)
			must(t, wire.WriteMessage(s, kindHello, helloMessage{newNonce()}))
			open = append(open, s)
		}
	}
	answered := 0
	for _, s := range open {
		if _, err := expect(s, kindAnswer, maxProving); err == nil {
			answered++
		}
	}
	if answered != maxUnproven {
		t.Errorf("%d streams of strangers are taken, want %d", answered, maxUnproven)
	}
	b.on()
	w.await("the device is in", func() bool { return a.Seen() == 1 })
	for _, s := range open {
		_ = s.Reset()
	}
}

// TestAdmission counts: so many streams of strangers, so many of one peer, and one
// with a mark comes in however many strangers there are.
func TestAdmission(t *testing.T) {
	marked := who(200)
	d := &Devices{guests: map[peer.ID]int{}, marked: map[peer.ID]bool{marked: true}}
	admits := func(p peer.ID) (proved, leave func()) {
		t.Helper()
		proved, leave, ok := d.admit(p)
		if !ok {
			t.Fatal("refused")
		}
		return proved, leave
	}
	refuses := func(p peer.ID) {
		t.Helper()
		if _, _, ok := d.admit(p); ok {
			t.Fatal("admitted")
		}
	}
	var proves, leaves []func()
	for i := range maxUnproven {
		proved, leave := admits(who(byte(i / maxGuest)))
		proves, leaves = append(proves, proved), append(leaves, leave)
	}
	refuses(who(100))
	for range maxGuest {
		_, leave := admits(marked)
		leaves = append(leaves, leave)
	}
	refuses(marked)
	proves[0]() // no stranger any more, and still a guest
	_, leave := admits(who(100))
	refuses(who(101))
	refuses(who(0))
	for _, l := range append(leaves, leave) {
		l()
	}
	if len(d.guests) > 0 || d.unproven != 0 {
		t.Errorf("all have left, and %d guests, %d unproven are counted", len(d.guests), d.unproven)
	}
}

// TestAManifestImportedAfterItsDeletion is kept for who imported it, and is not on
// the list again.
func TestAManifestImportedAfterItsDeletion(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	x, y := a.put("x"), a.put("y")
	w.equal("they begin equal", []*machine{a, b}, x, y)
	a.remove(x)
	w.equal("it is gone", []*machine{a, b}, y)
	must(t, os.WriteFile(b.manifest(x), manifestOf(t, b.seed, x, "x"), 0o600))
	later := time.Now().Add(time.Minute)
	must(t, os.Chtimes(b.manifest(x), later, later))
	b.Changed()
	a.put("z")
	w.await("the next file is there", func() bool { return b.files.Len() == 2 && len(b.cat.Files()) == 2 })
	if diff, err := b.difference(); err != nil || len(diff.left)+len(diff.unlisted)+len(diff.dead) > 0 {
		t.Errorf("it is taken for %+v, %v", diff, err)
	}
	if _, err := os.Stat(b.manifest(x)); err != nil {
		t.Errorf("it did not stay: %v", err)
	}
	early := time.Unix(1, 0)
	must(t, os.Chtimes(b.manifest(x), early, early))
	b.Changed()
	w.await("one from before goes", func() bool { _, err := os.Stat(b.manifest(x)); return os.IsNotExist(err) })
}

// TestUpdatesOfTheListAreAuthenticated: what was not made with the key does not
// get into the list, even by way of a device.
func TestUpdatesOfTheListAreAuthenticated(t *testing.T) {
	forger := signer{keyOf(2), anna}
	sig, err := forger.Sign([]byte("data"))
	must(t, err)
	good := signer{ours, bert}
	if ok, err := good.Verify(t.Context(), anna, []byte("data"), sig); ok || err != nil {
		t.Errorf("forged: %v, %v", ok, err)
	}
	if sig, err = (signer{ours, anna}).Sign([]byte("data")); err != nil {
		t.Fatal(err)
	}
	if ok, err := good.Verify(t.Context(), anna, []byte("data"), sig); !ok || err != nil {
		t.Errorf("another device's: %v, %v", ok, err)
	}
	if ok, _ := good.Verify(t.Context(), anna, []byte("date"), sig); ok {
		t.Error("altered data verifies")
	}
}

// idHost is a host of which only the id is known.
type idHost struct {
	host.Host
	id peer.ID
}

// ID returns it.
func (h idHost) ID() peer.ID { return h.id }

// TestOneSessionOfTwo: when both open a stream at once one stays, the same for
// both; of two that one side opened the later.
func TestOneSessionOfTwo(t *testing.T) {
	low, high := who(1), who(2)
	for _, c := range []struct {
		name             string
		self, other      string
		old, fresh, stay bool // opened by the other
	}{
		{"theirs, then ours, and we are lower", "low", "high", true, false, true},
		{"theirs, then ours, and they are lower", "high", "low", true, false, false},
		{"ours, then theirs, and we are lower", "low", "high", false, true, false},
		{"ours, then theirs, and they are lower", "high", "low", false, true, true},
		{"theirs twice", "low", "high", true, true, true},
	} {
		self, other := low, high
		if c.self == "high" {
			self, other = high, low
		}
		d := &Devices{cfg: Config{Host: idHost{id: self}}, log: slog.New(slog.DiscardHandler), sessions: map[peer.ID]*session{}, known: map[peer.ID]bool{}}
		ended := false
		old := &session{theirs: c.old, cancel: func() { ended = true }}
		if !d.enter(other, old) {
			t.Fatal("the first is refused")
		}
		fresh := &session{theirs: c.fresh, cancel: func() {}}
		if stays := d.enter(other, fresh); stays != c.stay || ended != c.stay {
			t.Errorf("%s: the later stays: %v, the earlier ended: %v", c.name, stays, ended)
		}
	}
}

// TestWhoDiesIsNotSeen: a session ends when gossip has its device dead, though its
// connection stands as that of a frozen machine does, and begins anew when it lives.
func TestWhoDiesIsNotSeen(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	w.mu.Lock()
	delete(w.lives, b.host.ID())
	w.mu.Unlock()
	a.Look()
	w.await("it is not seen", func() bool { return a.Seen() == 0 })
	x := b.put("x")
	w.join(b, b.Mark())
	w.equal("it is back", []*machine{a, b}, x)
}

// TestAClockThatWasAhead: what a machine changed while its clock was a day ahead is
// on the others as soon as it was started again with the right time.
func TestAClockThatWasAhead(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	x := a.put("x")
	w.equal("they begin equal", []*machine{a, b}, x)
	b.off()
	cfg := b.replicaConfig()
	cfg.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	list := replica.NewSet()
	r, err := replica.Open(t.Context(), b.path("devices.replica"), list, cfg)
	must(t, err)
	y := b.put("y")
	must(t, list.Add(string(y[:])))
	must(t, r.Close())
	b.on()
	z := b.put("z")
	w.equal("both have all", []*machine{a, b}, x, y, z)
	b.remove(x)
	w.equal("a removal too", []*machine{a, b}, y, z)
}

func TestAnotherOwnersFileIsSetAside(t *testing.T) {
	w := newTown(t)
	a, b := w.pair()
	w.equal("", []*machine{a, b})
	a.off()
	a.seed = shard.NewSeed()
	must(t, os.Remove(a.path("catalogue.state")))
	a.on()
	w.await("it is set aside", func() bool { _, err := os.Stat(a.path("devices.replica.aside")); return err == nil })
	if slices.ContainsFunc(a.members(), func(m Member) bool { return a.key.marks(m.Peer, m.Mark) && m.Peer != a.host.ID() }) {
		t.Error("a device of the former owner's is recognised")
	}
}
