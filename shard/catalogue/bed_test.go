package catalogue

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

const testMesh = "test"

// bed is a mesh in memory, with a clock, as strict as a real one: its hosts
// check what they are given, and forget it when its lease is over.
type bed struct {
	t    *testing.T
	seed shard.Seed

	mu     sync.Mutex
	now    time.Time
	boxes  []*box
	files  map[shard.FileID][]byte // content that was put
	silent bool                    // nobody is announced
	puts   int
	onNote func() // called when a host is given a note
	finds  int    // searches for candidates
}

// box is one host.
type box struct {
	id    peer.ID
	store *exchangetest.Store
	down  bool
	ends  map[endKey]time.Time
	shows func(shard.Locator, []shard.SignedNote) []shard.SignedNote // what it shows instead
}

type endKey struct {
	locator shard.Locator
	writer  uint32
}

func newBed(t *testing.T, hosts int) *bed {
	b := &bed{t: t, seed: shard.NewSeed(), now: time.Unix(1_800_000_000, 0), files: map[shard.FileID][]byte{}}
	for i := range hosts {
		b.boxes = append(b.boxes, &box{id: peerID(t, i), store: exchangetest.NewStore(), ends: map[endKey]time.Time{}})
	}
	return b
}

func peerID(t testing.TB, n int) peer.ID {
	t.Helper()
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(n))
	key, err := crypto.UnmarshalEd25519PublicKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	check(t, err)
	id, err := peer.IDFromPublicKey(key)
	check(t, err)
	return id
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// device is one home of the owner's.
type device struct {
	*Catalogue
	b    *bed
	home string
	n    int
	skew time.Duration // of its clock
}

// device starts the n-th device, on an empty home.
func (b *bed) device(n int) *device {
	b.t.Helper()
	d := &device{b: b, home: b.t.TempDir(), n: n}
	check(b.t, os.Mkdir(filepath.Join(d.home, "manifests"), 0o700))
	d.restart()
	return d
}

func (d *device) config() Config {
	return Config{
		Dir: d.home, Manifests: filepath.Join(d.home, "manifests"), Seed: d.b.seed, Self: peerID(d.b.t, 1000+d.n), Mesh: testMesh,
		Client: d.b, Finder: d.b, Connect: d.b.connect, Putter: d, Now: func() time.Time { return d.b.clock().Add(d.skew) },
	}
}

// restart starts the device's process anew.
func (d *device) restart() {
	d.b.t.Helper()
	d.restartWith(d.config())
}

func (d *device) restartWith(cfg Config) {
	d.b.t.Helper()
	c, err := New(cfg)
	check(d.b.t, err)
	c.ticks, c.steady = func() time.Duration { return d.b.clock().Sub(time.Unix(1_700_000_000, 0)) }, shard.SteadyClock{}
	c.steady.Observe(cfg.Now(), c.ticks())
	d.Catalogue = c
}

// put makes a manifest of so many segments at these hosts, and enters it.
func (d *device) put(segments int, hosts ...*box) shard.FileID {
	d.b.t.Helper()
	id := shard.NewFileID()
	check(d.b.t, d.Add(d.write(id, segments, hosts, time.Time{})))
	return id
}

func (d *device) write(id shard.FileID, segments int, hosts []*box, until time.Time) string {
	d.b.t.Helper()
	path := d.manifestPath(id)
	check(d.b.t, os.WriteFile(path, manifestOf(d.b.t, d.b.seed, id, segments, hosts, until), 0o600))
	return path
}

func manifestOf(t testing.TB, seed shard.Seed, id shard.FileID, segments int, hosts []*box, until time.Time) []byte {
	t.Helper()
	var out bytes.Buffer
	scheme := shard.Scheme{Data: 2, Parity: 2}
	m, err := shard.NewManifestWriter(&out, seed, id, testMesh, scheme)
	check(t, err)
	for i := range segments {
		check(t, m.Segment(shard.Segment{Number: uint32(i), Sealed: 116, Shards: make([]shard.ID, scheme.Shards())}))
	}
	private := shard.Private{File: id, Name: "film.mkv", Size: int64(segments) * 100}
	if !until.IsZero() {
		private.Expires = until.Unix()
	}
	check(t, m.Core(private))
	var infos []peer.AddrInfo
	for _, h := range hosts {
		infos = append(infos, peer.AddrInfo{ID: h.id})
	}
	check(t, m.Hosts(infos))
	check(t, m.Close())
	return out.Bytes()
}

// publish publishes and fails the test unless that works.
func (d *device) publish() Result {
	d.b.t.Helper()
	r, err := d.Publish(d.b.t.Context())
	check(d.b.t, err)
	return r
}

func (d *device) recover() Recovered {
	d.b.t.Helper()
	last := Progress{}
	r, err := d.Recover(d.b.t.Context(), func(p Progress) { last = p })
	check(d.b.t, err)
	if last.Done != last.Total || last.Total != len(r.Files)+len(r.Missing) {
		d.b.t.Errorf("progress ends at %+v of %d files", last, len(r.Files)+len(r.Missing))
	}
	return r
}

// has fails the test unless exactly these files are on the list.
func (d *device) has(want ...shard.FileID) {
	d.b.t.Helper()
	var got []shard.FileID
	for _, e := range d.Files() {
		if e.Of == (shard.FileID{}) {
			got = append(got, e.File)
		}
	}
	if !sameIDs(got, want) {
		d.b.t.Errorf("the list has %v, want %v", got, want)
	}
}

func sameIDs(a, b []shard.FileID) bool {
	less := func(a, b shard.FileID) int { return bytes.Compare(a[:], b[:]) }
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, less)
	slices.SortFunc(b, less)
	return slices.Equal(a, b)
}

// Put and Get make the device its own Putter.
func (d *device) Put(_ context.Context, _ string, content io.Reader, size int64, until time.Time) (string, error) {
	data, err := io.ReadAll(content)
	if err != nil || int64(len(data)) != size {
		return "", fmt.Errorf("%d of %d bytes: %w", len(data), size, err)
	}
	id := shard.NewFileID()
	d.b.mu.Lock()
	d.b.files[id] = data
	d.b.puts++
	d.b.mu.Unlock()
	return d.write(id, 1, d.b.boxes[:2], until), nil
}

func (d *device) Get(_ context.Context, manifest string, to io.Writer) error {
	f, err := d.readManifest(manifest)
	if err != nil {
		return err
	}
	d.b.mu.Lock()
	defer d.b.mu.Unlock()
	data, ok := d.b.files[f.file]
	if !ok {
		return errors.New("not enough hosts")
	}
	_, err = to.Write(data)
	return err
}

func (b *bed) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bed) pass(days int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(time.Duration(days) * 24 * time.Hour)
}

func (b *bed) box(id peer.ID) (*box, error) {
	for _, x := range b.boxes {
		if x.id == id && !x.down {
			return x, nil
		}
	}
	return nil, wire.ErrTimeout
}

func (b *bed) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.finds
}

// with runs f while nobody else looks at the hosts.
func (b *bed) with(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *bed) connect(_ context.Context, p peer.AddrInfo) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.box(p.ID)
	return err
}

// PutNote and Notes make the bed a Client.
func (b *bed) PutNote(_ context.Context, p peer.ID, n shard.SignedNote, terms shard.Note) (shard.NoteReceipt, error) {
	if b.onNote != nil {
		b.onNote()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	x, err := b.box(p)
	if err != nil {
		return shard.NoteReceipt{}, err
	}
	g, err := shard.OpenGrant(n.Grant, testMesh)
	check(b.t, err)
	opened, err := shard.OpenNote(n.Note, g, shard.GrantDigest(n.Grant))
	check(b.t, err)
	check(b.t, opened.Check(n.Blob))
	if opened != terms {
		b.t.Errorf("terms %+v of note %+v", terms, opened)
	}
	x.forget(b.now)
	if _, err := x.store.PutNote(shard.NoteLot{Peer: p, Grant: g, Note: opened, SignedNote: n}); err != nil {
		return shard.NoteReceipt{}, err
	}
	x.ends[endKey{g.Locator, opened.Writer}] = b.now.Add(time.Duration(opened.Lease) * time.Second)
	return shard.NoteReceipt{Host: p, Seq: opened.Seq}, nil
}

func (b *bed) Notes(_ context.Context, p peer.ID, l shard.Locator) ([]shard.SignedNote, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x, err := b.box(p)
	if err != nil {
		return nil, err
	}
	x.forget(b.now)
	notes := x.under(l)
	if x.shows != nil {
		return x.shows(l, notes), nil
	}
	return notes, nil
}

func (x *box) under(l shard.Locator) (notes []shard.SignedNote) {
	all, _ := x.store.Notes(l)
	for _, n := range all {
		if _, ok := x.ends[endKey{l, termsOf(n).Writer}]; ok {
			notes = append(notes, n)
		}
	}
	return notes
}

func termsOf(n shard.SignedNote) (terms shard.Note) {
	if err := wire.Unmarshal(n.Note.Body, &terms); err != nil {
		panic(err)
	}
	return terms
}

// forget drops the notes whose lease is over.
func (x *box) forget(now time.Time) {
	for key, end := range x.ends {
		if now.After(end) {
			delete(x.ends, key)
		}
	}
}

// holders returns the hosts that keep a note under the locator of id.
func (b *bed) holders(id shard.FileID) (all []*box) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.boxes {
		x.forget(b.now)
		if len(x.under(id.Locator())) > 0 {
			all = append(all, x)
		}
	}
	return all
}

// Candidates and Find make the bed a Finder.
func (b *bed) Candidates(context.Context) iter.Seq[peer.AddrInfo] {
	b.with(func() { b.finds++ })
	return func(yield func(peer.AddrInfo) bool) {
		for _, i := range rand.Perm(len(b.boxes)) {
			if !yield(peer.AddrInfo{ID: b.boxes[i].id}) {
				return
			}
		}
	}
}

func (b *bed) Find(_ context.Context, l shard.Locator) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) {
		for _, x := range b.boxes {
			b.mu.Lock()
			announced := !b.silent && len(x.under(l)) > 0
			b.mu.Unlock()
			if announced && !yield(peer.AddrInfo{ID: x.id}) {
				return
			}
		}
	}
}

// stubborn is a Client whose hosts take nothing and say that they have newer.
type stubborn struct {
	*bed
	said *atomic.Int32
}

func (s stubborn) PutNote(context.Context, peer.ID, shard.SignedNote, shard.Note) (shard.NoteReceipt, error) {
	s.said.Add(1)
	return shard.NoteReceipt{}, wire.ErrStale
}
