package transfer

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
)

const mesh = "test"

// bed is an owner and hosts on loopback, all real but for their disks.
type bed struct {
	t      *testing.T
	owner  host.Host
	engine *Engine
	hosts  []*keeper
	home   string
	seed   shard.Seed
	known  map[peer.ID]bool // announced, for Find
	budget int              // of buffers; small ones make many segments
	times  exchange.Timeouts
	lost   func(peer.ID) // called when a host cannot be reached, may be nil
}

func newBed(t *testing.T, count int) *bed {
	b := &bed{t: t, home: t.TempDir(), seed: shard.NewSeed(), known: map[peer.ID]bool{}, times: exchange.Timeouts{Idle: 3 * time.Second}}
	b.owner, _ = newHost(t)
	for range count {
		b.addHost()
	}
	b.restart()
	return b
}

// restart gives the owner a new engine on the same home, as a new process would.
func (b *bed) restart() {
	for _, folder := range []string{"journal", "manifests"} {
		if err := os.MkdirAll(filepath.Join(b.home, folder), 0o700); err != nil {
			b.t.Fatal(err)
		}
	}
	b.engine = New(Config{
		Host: b.owner, Client: exchange.NewClient(b.owner, mesh, b.times), Finder: b, Mesh: mesh, Seed: b.seed,
		Journal: filepath.Join(b.home, "journal"), Manifests: filepath.Join(b.home, "manifests"), Budget: b.budget,
	})
}

// cut makes segments of length bytes for scheme.
func (b *bed) cut(scheme shard.Scheme, length int) {
	b.budget = 2 * scheme.Shards() * scheme.ShardLength(length)
	b.restart()
}

func (b *bed) addHost() *keeper {
	h, key := newHost(b.t)
	k := &keeper{host: h, key: key, store: exchangetest.NewStore()}
	k.keeps = k.store
	b.hosts = append(b.hosts, k)
	k.serve(b.t)
	return k
}

// addLiar adds a host that serves with a trick.
func (b *bed) addLiar(trick exchangetest.Trick) *keeper {
	h, key := newHost(b.t)
	k := &keeper{host: h, key: key, store: exchangetest.NewStore(), liar: exchangetest.Lie(h, key, mesh, trick)}
	k.stop = sync.OnceFunc(k.liar.Stop)
	b.t.Cleanup(k.stop)
	b.hosts = append(b.hosts, k)
	return k
}

// Candidates, Find and FindPeer make the bed its own Finder.
func (b *bed) Candidates(context.Context) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) {
		for _, k := range b.hosts {
			if !yield(k.info()) {
				return
			}
		}
	}
}

func (b *bed) Find(context.Context, shard.Locator) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) {
		for _, k := range b.hosts {
			if b.known[k.host.ID()] && !yield(k.info()) {
				return
			}
		}
	}
}

func (b *bed) FindPeer(_ context.Context, id peer.ID) (peer.AddrInfo, error) {
	if b.lost != nil {
		b.lost(id)
	}
	return peer.AddrInfo{}, fmt.Errorf("peer %s: unknown", id)
}

// file writes a file of size pseudo-random bytes.
func (b *bed) file(name string, size int) (path string, content []byte) {
	content = noise(size)
	path = filepath.Join(b.home, name)
	if err := os.WriteFile(path, content, 0o640); err != nil {
		b.t.Fatal(err)
	}
	return path, content
}

func noise(size int) []byte {
	content := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)})
	_, _ = source.Read(content)
	return content
}

func quiet(Progress) {}

// put puts a file and fails the test unless that works.
func (b *bed) put(path string, opts PutOptions) PutResult {
	b.t.Helper()
	r, err := b.engine.Put(b.t.Context(), Source{Path: path}, opts, quiet)
	if err != nil {
		b.t.Fatalf("put: %v", err)
	}
	return r
}

// get brings a manifest's file back and compares it.
func (b *bed) get(manifest string, want []byte) GetResult {
	b.t.Helper()
	out := filepath.Join(b.t.TempDir(), "out")
	r, err := b.engine.Get(b.t.Context(), manifest, Destination{Path: out}, quiet)
	if err != nil {
		b.t.Fatalf("get: %v", err)
	}
	got, err := os.ReadFile(out)
	if err != nil || !bytes.Equal(got, want) {
		b.t.Fatalf("got %d bytes, want %d, equal %v, error %v", len(got), len(want), bytes.Equal(got, want), err)
	}
	return r
}

// delivered sums what the hosts read off the wire.
func (b *bed) delivered() (sum int64) {
	for _, k := range b.hosts {
		sum += k.store.Delivered()
	}
	return sum
}

// open opens a manifest of the bed's.
func (b *bed) open(path string) *shard.Manifest {
	b.t.Helper()
	m, closeManifest, err := b.engine.openManifest(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { closeManifest() })
	return m
}

// apart fails the test when two shards of a segment are said to be on one host.
func (b *bed) apart(manifest string) {
	b.t.Helper()
	for s, err := range b.open(manifest).Segments() {
		seen := map[uint16]bool{}
		for _, at := range s.Placed {
			seen[at.Host] = true
		}
		if err != nil || len(seen) != len(s.Placed) {
			b.t.Errorf("segment %d: %d shards on %d hosts, error %v", s.Number, len(s.Placed), len(seen), err)
		}
	}
}
