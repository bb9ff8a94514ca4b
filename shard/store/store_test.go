package store

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

const testMesh = "test"

// home is a folder with a store in it, which can be left and opened again.
type home struct {
	dir   string
	db    *badger.DB
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
	s := newStore(Config{Dir: h.shards(), DB: db, Capacity: 1 << 30})
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

// checkWhole fails the test unless files, rows and counters agree.
func checkWhole(t testing.TB, s *Store) {
	t.Helper()
	var files, bytesOnDisk int64
	onDisk := make(map[string]int64)
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path, filepath.Join(s.dir, tempFolder)) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		onDisk[path] = info.Size()
		files, bytesOnDisk = files+1, bytesOnDisk+info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	usage := s.Usage()
	if usage.Shards != files || usage.Used != bytesOnDisk {
		t.Errorf("counted %d shards, %d bytes; on disk are %d files, %d bytes", usage.Shards, usage.Used, files, bytesOnDisk)
	}
	checkRows(t, s, onDisk)
	checkTemp(t, s, usage)
}

// checkRows walks the index: each row must be owed to another one.
func checkRows(t testing.TB, s *Store, onDisk map[string]int64) {
	t.Helper()
	var stored counters
	leases := make(map[shard.ID]uint32)
	owners := make(map[admin]uint32)
	peers := make(map[peer.ID]int64)
	places := 0
	err := s.view(func(tx tx) error {
		if _, err := tx.get([]byte(keyCounters), &stored); err != nil {
			return err
		}
		lengths := make(map[shard.ID]fileRow)
		err := tx.tails([]byte(keyFile), nil, func(tail []byte) (bool, error) {
			var row fileRow
			id := shard.ID(tail)
			_, err := tx.get(fileKey(id), &row)
			lengths[id] = row
			if size, ok := onDisk[s.path(id)]; !ok || size != diskSize(row.Length) {
				t.Errorf("shard %v: %d bytes on disk, %d in the index", id, size, diskSize(row.Length))
			}
			return true, err
		})
		if err != nil {
			return err
		}
		err = tx.tails([]byte(keyLease), nil, func(tail []byte) (bool, error) {
			var row leaseRow
			id, owner := shard.ID(tail), admin(tail[32:])
			_, err := tx.get(leaseKey(id, owner), &row)
			leases[id]++
			owners[owner]++
			peers[peer.ID(row.Peer)] += diskSize(lengths[id].Length)
			for _, at := range row.Places {
				if ok, err := tx.get(placeKey(owner, at, id), &placeRow{}); !ok || err != nil {
					t.Errorf("lease without its place %v: %v", at, err)
				}
				places++
			}
			return true, err
		})
		if err != nil {
			return err
		}
		for id, row := range lengths {
			if row.Leases != leases[id] || row.Leases == 0 {
				t.Errorf("shard %v counts %d leases and has %d", id, row.Leases, leases[id])
			}
		}
		for who, bytes := range peers {
			var row peerRow
			if _, err := tx.get(peerKey(who), &row); err != nil || row.Bytes != bytes {
				t.Errorf("peer %v is charged %d, has %d: %v", who, row.Bytes, bytes, err)
			}
		}
		for who, n := range owners {
			var row ownerRow
			if _, err := tx.get(ownerKey(who), &row); err != nil || row.Leases != n {
				t.Errorf("file counts %d leases and has %d: %v", row.Leases, n, err)
			}
			if ok, _ := tx.get(locatorKey(row.Locator, who), nil); !ok {
				t.Error("file without a locator")
			}
		}
		expect := map[string]int{keyPlace: places, keyOwner: len(owners), keyLocator: len(owners), keyPeer: len(peers), keyDoomed: 0, keyDelete: 0}
		for kind, want := range expect {
			got := 0
			if err := tx.tails([]byte(kind), nil, func([]byte) (bool, error) { got++; return true, nil }); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%d rows %q, %d expected", got, kind, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if usage := s.Usage(); stored.Used != usage.Used || stored.Shards != usage.Shards {
		t.Errorf("stored counters %+v, counted %+v", stored, usage)
	}
}

// checkTemp fails the test unless tmp/, intents and what is counted as in
// flight agree. No transfer may be under way.
func checkTemp(t testing.TB, s *Store, usage Usage) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, tempFolder))
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size != usage.InFlight {
		t.Errorf("%d bytes in %d temporary files, %d are counted", size, len(entries), usage.InFlight)
	}
	intents := 0
	err = s.view(func(tx tx) error {
		return tx.tails([]byte(keyIntent), nil, func([]byte) (bool, error) { intents++; return true, nil })
	})
	if err != nil || intents != len(entries) {
		t.Errorf("%d intents for %d temporary files: %v", intents, len(entries), err)
	}
}
