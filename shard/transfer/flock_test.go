package transfer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"lukechampine.com/blake3/bao"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// flock is the hosts of one file in memory: who is asked about it without a
// network, by any clock. Each answers as a good host does unless it is told
// otherwise.
type flock struct {
	hosts map[peer.ID]*member
}

// member is one host of a flock.
type member struct {
	mu     sync.Mutex
	rows   []shard.Held
	page   int // rows of one answer; 0: 1024
	bodies map[shard.ID][]byte
	trees  map[shard.ID][]byte
	gone   bool                                         // no connection
	says   func(ctx context.Context, what string) error // before every answer, may be nil
	proves func(p shard.Pick, slice []byte) []byte      // what it makes of a slice, may be nil
	asked  map[string]int                               // requests by their kind
	picks  [][]shard.Pick                               // challenges, as they came
}

func testPeer(n int) peer.ID {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(n)+1)
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		panic(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		panic(err)
	}
	return id
}

func (c *flock) connect(ctx context.Context, p peer.ID) error {
	m := c.hosts[p]
	if m == nil || m.gone {
		return errors.New("no route")
	}
	return nil
}

func (m *member) hear(ctx context.Context, what string) error {
	m.mu.Lock()
	m.asked[what]++
	m.mu.Unlock()
	if m.says == nil {
		return nil
	}
	return m.says(ctx, what)
}

func (c *flock) list(ctx context.Context, p peer.ID, cursor []byte) ([]shard.Held, []byte, error) {
	m := c.hosts[p]
	if err := m.hear(ctx, "list"); err != nil {
		return nil, nil, err
	}
	from, page := 0, m.page
	if page == 0 {
		page = surveyPage
	}
	if cursor != nil {
		from = int(binary.BigEndian.Uint32(cursor))
	}
	to := min(from+page, len(m.rows))
	if to == len(m.rows) {
		return m.rows[from:to], nil, nil
	}
	return m.rows[from:to], binary.BigEndian.AppendUint32(nil, uint32(to)), nil
}

func (c *flock) audit(ctx context.Context, p peer.ID, picks []shard.Pick) ([][]byte, error) {
	m := c.hosts[p]
	if len(picks) == 0 || len(picks) > shard.MaxPicks {
		return nil, wire.ErrBadRequest
	}
	m.mu.Lock()
	m.picks = append(m.picks, picks)
	m.mu.Unlock()
	if err := m.hear(ctx, "audit"); err != nil {
		return nil, err
	}
	var slices [][]byte
	for _, pick := range picks {
		slice := m.prove(pick)
		if m.proves != nil {
			slice = m.proves(pick, slice)
		}
		slices = append(slices, slice)
	}
	return slices, nil
}

// prove returns the honest slice, nil for what is not here.
func (m *member) prove(pick shard.Pick) []byte {
	body := m.bodies[pick.Shard]
	if body == nil {
		return nil
	}
	var slice bytes.Buffer
	from := int(pick.Leaf) * shard.LeafSize
	part := body[from:min(from+shard.LeafSize, len(body))]
	if err := bao.ExtractSlice(&slice, bytes.NewReader(part), bytes.NewReader(m.trees[pick.Shard]), 4, uint64(from), uint64(len(part))); err != nil {
		panic(err)
	}
	return slice.Bytes()
}

func (c *flock) fetch(ctx context.Context, p peer.ID, id shard.ID, into []byte, got func(int)) error {
	m := c.hosts[p]
	if err := m.hear(ctx, "fetch"); err != nil {
		return err
	}
	if m.bodies[id] == nil {
		return wire.ErrNotFound
	}
	got(copy(into, m.bodies[id]))
	return nil
}

// file is a synthetic file: a manifest, and the flock that holds it.
type file struct {
	m     *shard.Manifest
	flock *flock
	peers []peer.ID
}

// newFile makes a file of so many segments, index i of segment s at host
// (i+s) mod hosts. With one body all its shards are alike, whatever its length.
func newFile(t testing.TB, scheme shard.Scheme, segments, sealed, hosts int, alike bool) *file {
	t.Helper()
	f := &file{flock: &flock{hosts: map[peer.ID]*member{}}}
	var table []peer.AddrInfo
	for n := range hosts {
		p := testPeer(n)
		f.peers, table = append(f.peers, p), append(table, peer.AddrInfo{ID: p})
		f.flock.hosts[p] = &member{bodies: map[shard.ID][]byte{}, trees: map[shard.ID][]byte{}, asked: map[string]int{}}
	}
	seed, id := shard.Seed{1}, shard.FileID{2}
	var out bytes.Buffer
	w, err := shard.NewManifestWriter(&out, seed, id, mesh, scheme)
	if err != nil {
		t.Fatal(err)
	}
	source := rand.NewChaCha8([32]byte{3})
	length := scheme.ShardLength(sealed)
	var body, tree []byte
	var name shard.ID
	for number := range uint32(segments) {
		s := shard.Segment{Number: number, Sealed: sealed}
		for index := range scheme.Shards() {
			if body == nil || !alike {
				body = make([]byte, length)
				_, _ = source.Read(body)
				var root [32]byte
				tree, root = bao.EncodeBuf(body, 4, true)
				name = root
			}
			s.Shards = append(s.Shards, name)
			h := f.flock.hosts[f.peers[(index+int(number))%hosts]]
			h.bodies[name], h.trees[name] = body, tree
			h.rows = append(h.rows, shard.Held{Shard: name, Segment: number, Index: uint8(index), Length: uint32(length), LeaseEnd: time.Now().Add(shard.LeaseDefault).Unix()})
		}
		if err := w.Segment(s); err != nil {
			t.Fatal(err)
		}
	}
	size := int64(segments) * int64(sealed-shard.SealOverhead)
	if err := errors.Join(w.Core(shard.Private{File: id, Name: "f", Size: size}), w.Hosts(table), placeAll(w, scheme, segments, hosts)); err != nil {
		t.Fatal(err)
	}
	if f.m, err = shard.OpenManifest(bytes.NewReader(out.Bytes()), int64(out.Len())); err != nil {
		t.Fatal(err)
	}
	return f
}

// placeAll ends a manifest with who holds what.
func placeAll(w *shard.ManifestWriter, scheme shard.Scheme, segments, hosts int) (err error) {
	for number := range uint32(segments) {
		var placed []shard.Placement
		for index := range scheme.Shards() {
			placed = append(placed, shard.Placement{Index: uint8(index), Host: uint16((index + int(number)) % hosts)})
		}
		err = errors.Join(err, w.Placed(number, placed))
	}
	return errors.Join(err, w.Close())
}

func (f *file) host(n int) *member { return f.flock.hosts[f.peers[n]] }

// nobody is found beyond the manifest.
func nobody(context.Context) iter.Seq[peer.ID] { return func(func(peer.ID) bool) {} }

func others(peers ...peer.ID) func(context.Context) iter.Seq[peer.ID] {
	return func(context.Context) iter.Seq[peer.ID] {
		return func(yield func(peer.ID) bool) {
			for _, p := range peers {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// survey asks the flock.
func (f *file) survey(t testing.TB, last healthFile, find func(context.Context) iter.Seq[peer.ID]) *survey {
	t.Helper()
	s, err := newSurvey(f.m, testPeer(1<<20), last)
	if err == nil {
		err = s.ask(t.Context(), f.flock, find)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *surveyed) String() string {
	return fmt.Sprintf("%s %s %v alien %d known %d %q", h.peer, h.state, h.count(), h.alien, h.known, h.why)
}

// silent never answers; lag does after d.
func silent(ctx context.Context, _ string) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func lag(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
