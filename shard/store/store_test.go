package store

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

const testMesh = "test"

// home is a folder with a store in it, which can be left and opened again.
type home struct {
	dir   string
	db    *Index
	store *Store
	stop  func()
}

// newHome opens a store in a fresh folder; edit may change it before.
func newHome(t testing.TB, edit ...func(*Store)) *home {
	t.Helper()
	h := &home{dir: t.TempDir()}
	h.open(t, edit...)
	t.Cleanup(func() { h.close(t) })
	return h
}

func (h *home) shards() string { return filepath.Join(h.dir, "shards") }

func (h *home) open(t testing.TB, edit ...func(*Store)) {
	t.Helper()
	db, err := OpenIndex(filepath.Join(h.dir, "index"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(Config{Dir: h.shards(), DB: db.DB, Capacity: 1 << 30})
	for _, change := range edit {
		change(s)
	}
	if err := s.open(t.Context(), nil); err != nil {
		db.Close()
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	h.db, h.store = db, s
	h.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("close index: %v", err)
		}
		h.stop = nil
	}
}

func (h *home) close(t testing.TB) {
	t.Helper()
	if h.stop != nil {
		h.stop()
	}
}

func (h *home) reopen(t testing.TB, edit ...func(*Store)) {
	t.Helper()
	h.close(t)
	h.open(t, edit...)
}

// owner makes offers for one file.
type owner struct {
	peer   peer.ID
	admin  ed25519.PrivateKey
	repair ed25519.PrivateKey
	grant  shard.Grant
	signed wire.Signed
}

func newOwner(t testing.TB, seed byte) *owner {
	t.Helper()
	secret := shard.Seed{seed}
	id := shard.FileID{seed}
	grant, signed, err := shard.NewGrant(secret, id, testMesh)
	if err != nil {
		t.Fatal(err)
	}
	return &owner{
		peer:   peerOf(t, seed),
		admin:  secret.AdminKey(id),
		repair: secret.FileKey(id).RepairKey(),
		grant:  grant,
		signed: signed,
	}
}

func peerOf(t testing.TB, seed byte) peer.ID {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	pub, err := crypto.UnmarshalEd25519PublicKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// lot offers data for a place.
func (o *owner) lot(t testing.TB, data []byte, segment uint32, index uint8) shard.Lot {
	t.Helper()
	offer := shard.Offer{
		Grant:   shard.GrantDigest(o.signed),
		Shard:   shard.Sum(data),
		Segment: segment,
		Index:   index,
		Length:  uint32(len(data)),
		Lease:   uint32(shard.LeaseDefault / time.Second),
	}
	signed, err := offer.Sign(o.repair, testMesh)
	if err != nil {
		t.Fatal(err)
	}
	return shard.Lot{Peer: o.peer, Grant: o.grant, SignedGrant: o.signed, Offer: offer, SignedOffer: signed}
}

// sends gives the bytes from the offset on, whatever it is.
func sends(data []byte) func(int64) (io.Reader, error) {
	return func(offset int64) (io.Reader, error) { return bytes.NewReader(data[offset:]), nil }
}

// sendsNothing fails the test when it is asked for bytes.
func sendsNothing(t testing.TB) func(int64) (io.Reader, error) {
	return func(offset int64) (io.Reader, error) {
		t.Errorf("asked for bytes from %d on", offset)
		return nil, errors.New("no bytes here")
	}
}

func randomBytes(n int) []byte {
	data := make([]byte, n)
	random := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32())})
	random.Read(data)
	return data
}

func mustReceive(t testing.TB, s *Store, lot shard.Lot, data []byte) {
	t.Helper()
	if _, err := s.Receive(context.Background(), lot, sends(data)); err != nil {
		t.Fatal(err)
	}
}

func readShard(t testing.TB, s *Store, id shard.ID) []byte {
	t.Helper()
	r, length, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil || int64(len(data)) != length {
		t.Fatalf("read %d of %d bytes: %v", len(data), length, err)
	}
	return data
}
