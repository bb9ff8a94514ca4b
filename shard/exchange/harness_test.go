package exchange_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

const mesh = "test"

// newHost returns a real libp2p host on loopback TCP, and its key.
func newHost(t testing.TB, opts ...libp2p.Option) (host.Host, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.Identity(id), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics(),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, key
}

// node is a host that serves from a store.
type node struct {
	host  host.Host
	store *exchangetest.Store
}

// serve starts a server on a new host; the test ends it and waits.
func serve(t testing.TB, change func(*exchange.ServerConfig)) node {
	t.Helper()
	h, key := newHost(t)
	n := node{h, exchangetest.NewStore()}
	cfg := exchange.ServerConfig{Host: h, Key: key, Mesh: mesh, Store: n.store}
	if change != nil {
		change(&cfg)
	}
	run(t, h, exchange.NewServer(cfg))
	return n
}

// run runs s until the test ends, and returns once h serves.
func run(t testing.TB, h host.Host, s *exchange.Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run did not end")
		}
	})
	until(t, "the handler is registered", func() bool {
		return slices.Contains(h.Mux().Protocols(), exchange.ProtocolID(mesh))
	})
}

// until polls for an event for at most 20 s.
func until(t testing.TB, event string, happened func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !happened() {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", event)
		}
		<-time.After(time.Millisecond)
	}
}

// dialler returns a client on a new host that knows where the others are.
func dialler(t testing.TB, timeouts exchange.Timeouts, others ...host.Host) (*exchange.Client, host.Host) {
	t.Helper()
	h, _ := newHost(t)
	for _, o := range others {
		know(h, o)
		if err := h.Connect(t.Context(), peer.AddrInfo{ID: o.ID()}); err != nil {
			t.Fatal(err)
		}
	}
	return exchange.NewClient(h, mesh, timeouts), h
}

func know(h, o host.Host) { h.Peerstore().AddAddrs(o.ID(), o.Addrs(), peerstore.PermanentAddrTTL) }

// file is one file of an owner: keys, grant, and shards on demand.
type file struct {
	seed   shard.Seed
	id     shard.FileID
	grant  shard.Grant
	signed wire.Signed
}

func newFile(t testing.TB) file {
	t.Helper()
	f := file{seed: shard.NewSeed(), id: shard.NewFileID()}
	var err error
	if f.grant, f.signed, err = shard.NewGrant(f.seed, f.id, mesh); err != nil {
		t.Fatal(err)
	}
	return f
}

// lot returns an offer of body as one shard of the file.
func (f file) lot(t testing.TB, segment uint32, index uint8, body []byte) exchange.Outgoing {
	t.Helper()
	terms := shard.Offer{
		Grant: shard.GrantDigest(f.signed), Shard: shard.Sum(body), Segment: segment, Index: index,
		Length: uint32(len(body)), Lease: uint32(shard.LeaseDefault / time.Second),
	}
	signed, err := terms.Sign(f.seed.FileKey(f.id).RepairKey(), mesh)
	if err != nil {
		t.Fatal(err)
	}
	return exchange.Outgoing{Grant: f.signed, Offer: signed, Terms: terms}
}

// order returns an order of a kind for host, good for a time from now.
func (f file) order(t testing.TB, kind string, host peer.ID, good time.Duration, cursor []byte) wire.Signed {
	t.Helper()
	return f.ordered(t, kind, shard.Order{Host: host, NotAfter: time.Now().Add(good).Unix(), Cursor: cursor})
}

// ordered signs an order as one of kind, under the file's grant.
func (f file) ordered(t testing.TB, kind string, o shard.Order) wire.Signed {
	t.Helper()
	key := f.seed.FileKey(f.id).RepairKey()
	if kind == shard.OrderDelete {
		key = f.seed.AdminKey(f.id)
	}
	if o.NotAfter == 0 {
		o.NotAfter = time.Now().Add(time.Hour).Unix()
	}
	o.Grant = shard.GrantDigest(f.signed)
	signed, err := o.Sign(key, kind, mesh)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// note returns a note of the file, and what it says.
func (f file) note(t testing.TB, writer uint32, seq uint64, blob []byte) (shard.SignedNote, shard.Note) {
	t.Helper()
	terms := shard.Note{
		Grant: shard.GrantDigest(f.signed), Writer: writer, Seq: seq,
		Length: uint32(len(blob)), Sum: shard.Digest(shard.Sum(blob)), Lease: uint32(shard.LeaseDefault / time.Second),
	}
	signed, err := terms.Sign(f.seed.AdminKey(f.id), mesh)
	if err != nil {
		t.Fatal(err)
	}
	return shard.SignedNote{Grant: f.signed, Note: signed, Blob: blob}, terms
}

// charge returns what a keeper is told of the file.
func (f file) charge(manifest int, keepers ...peer.ID) shard.Charge {
	return shard.Charge{Grant: f.signed, Repair: f.seed.FileKey(f.id).RepairKey().Seed(), Keepers: keepers, Manifest: int64(manifest)}
}

// put offers body as one shard of the file and returns its id.
func (f file) put(t testing.TB, c *exchange.Client, host peer.ID, segment uint32, body []byte) shard.ID {
	t.Helper()
	o := f.lot(t, segment, 0, body)
	if _, _, err := c.Offer(t.Context(), host, o, body, nil); err != nil {
		t.Fatal(err)
	}
	return o.Terms.Shard
}

// noise returns the same random bytes for the same seed.
func noise(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	data := make([]byte, n)
	_, _ = r.Read(data)
	return data
}

// holds reports whether the node's store has exactly these bytes.
func (n node) holds(t testing.TB, body []byte) bool {
	t.Helper()
	r, length, err := n.store.Open(shard.Sum(body))
	if err != nil {
		return false
	}
	defer r.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || int64(got.Len()) != length {
		t.Fatalf("read back: %d of %d bytes, %v", got.Len(), length, err)
	}
	return bytes.Equal(got.Bytes(), body)
}
