package keeper

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

// The mesh of the simulation: 30 hosts, 8+12, three keepers.
const (
	simHosts   = 30
	simKeepers = 3
	simSize    = 150 << 10
)

// sim is a mesh on loopback whose parts are all real but for the disks. Time
// passes by moving back what keepers and engines have written down.
type sim struct {
	t      *testing.T
	rand   *rand.Rand
	nodes  []*simNode // alive
	mu     sync.Mutex
	found  map[shard.Locator][]peer.ID
	skewed bool
}

// simNode is one peer: a host for shards and a keeper.
type simNode struct {
	sim    *sim
	home   string
	host   host.Host
	store  *exchangetest.Store
	keeper *Keeper
	skew   time.Duration
	stop   func()
}

func newSim(t *testing.T, skewed bool) *sim {
	s := &sim{t: t, skewed: skewed, rand: rand.New(rand.NewPCG(1, 2)), found: map[shard.Locator][]peer.ID{}}
	for range simHosts {
		s.add()
	}
	return s
}

// peer makes a host on loopback.
func (s *sim) peer() (host.Host, crypto.PrivKey) {
	key, _, err := crypto.GenerateEd25519Key(nil)
	check(s.t, err)
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	check(s.t, err)
	s.t.Cleanup(func() { _ = h.Close() })
	return h, key
}

func (s *sim) add() {
	h, key := s.peer()
	raw, err := key.Raw()
	check(s.t, err)
	n := &simNode{sim: s, home: s.t.TempDir(), host: h, store: exchangetest.NewStore()}
	if s.skewed {
		n.skew = time.Duration(len(s.nodes)%3-1) * time.Hour
	}
	n.start()
	ctx, cancel := context.WithCancel(context.Background())
	server := exchange.NewServer(exchange.ServerConfig{Host: h, Key: raw, Mesh: mesh, Store: n.store, Keeper: n})
	var wait sync.WaitGroup
	wait.Go(func() { _ = server.Run(ctx) })
	n.stop = sync.OnceFunc(func() { cancel(); wait.Wait() })
	s.t.Cleanup(n.stop)
	s.nodes = append(s.nodes, n)
}

func (s *sim) engine(h host.Host, home string, seed shard.Seed) *transfer.Engine {
	for _, name := range []string{"journal", "manifests"} {
		check(s.t, os.MkdirAll(filepath.Join(home, name), 0o700))
	}
	return transfer.New(transfer.Config{
		Host: h, Client: exchange.NewClient(h, mesh, exchange.Timeouts{}), Finder: s, Mesh: mesh, Seed: seed,
		Journal: filepath.Join(home, "journal"), Manifests: filepath.Join(home, "manifests"), Budget: 2 * 20 * (8 << 10),
	})
}

// start makes a new keeper on the node's folder, as a new process would.
func (n *simNode) start() {
	k, err := New(Config{
		Dir: filepath.Join(n.home, "keeper"), Host: n.host, Client: exchange.NewClient(n.host, mesh, exchange.Timeouts{}),
		Engine: n.sim.engine(n.host, n.home, shard.Seed{}), Finder: n.sim, Mesh: mesh,
		Announce: func(l shard.Locator) { n.sim.announce(l, n.host.ID()) },
		Holds:    func(shard.Locator) bool { return n.store.Shards() > 0 },
		Now:      func() time.Time { return time.Now().Add(n.skew) },
		Logger:   slog.New(slog.NewTextHandler(n.sim.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	check(n.sim.t, err)
	n.keeper = k
}

// The node answers for whichever keeper runs on it.
func (n *simNode) Keep(ctx context.Context, from peer.ID, network netip.Prefix, c shard.Charge, manifest io.Reader) error {
	return n.keeper.Keep(ctx, from, network, c, manifest)
}

func (n *simNode) Turn(ctx context.Context, from peer.ID, g shard.Grant, keeps bool) (shard.Turn, error) {
	return n.keeper.Turn(ctx, from, g, keeps)
}

func (n *simNode) Forget(g shard.Grant) error { return n.keeper.Forget(g) }

// kill takes a node off the network for good.
func (s *sim) kill(n *simNode) {
	n.stop()
	check(s.t, n.host.Close())
	s.nodes = slices.DeleteFunc(s.nodes, func(o *simNode) bool { return o == n })
}

func (s *sim) announce(l shard.Locator, p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found[l] = append(s.found[l], p)
}

// Candidates, Find and FindPeer make the mesh its own Finder. Whoever holds
// shards has announced the file; there is one.
func (s *sim) Candidates(context.Context) iter.Seq[peer.AddrInfo] {
	return s.yield(func(*simNode) bool { return true })
}

func (s *sim) Find(_ context.Context, l shard.Locator) iter.Seq[peer.AddrInfo] {
	s.mu.Lock()
	said, isKeepers := s.found[l]
	s.mu.Unlock()
	return s.yield(func(n *simNode) bool {
		if isKeepers {
			return slices.Contains(said, n.host.ID())
		}
		return n.store.Shards() > 0
	})
}

func (s *sim) FindPeer(context.Context, peer.ID) (peer.AddrInfo, error) {
	return peer.AddrInfo{}, errDown
}

func (s *sim) yield(want func(*simNode) bool) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) {
		for _, n := range s.nodes {
			if want(n) && !yield(peer.AddrInfo{ID: n.host.ID(), Addrs: n.host.Addrs()}) {
				return
			}
		}
	}
}

// keepers returns who keeps a file now, the one who works first.
func (s *sim) keepers() []*simNode {
	var all []*simNode
	var l shard.Locator
	for _, n := range s.nodes {
		for _, c := range n.keeper.all() {
			all, l = append(all, n), c.grant.Locator
		}
	}
	slices.SortFunc(all, func(a, b *simNode) int { return compareDistance(l, a.host.ID(), b.host.ID()) })
	return all
}

// pass lets time pass for a node: what it wrote down is so much older.
func (n *simNode) pass(d time.Duration) {
	older := func(at *int64) {
		if *at != 0 {
			*at -= int64(d / time.Second)
		}
	}
	for _, c := range n.keeper.all() {
		check(n.sim.t, n.keeper.update(c, func(r *record) {
			for _, at := range []*int64{&r.Given, &r.Checked, &r.Own, &r.Renewed, &r.Noted, &r.Barren, &r.Ended, &r.Looked, &r.Short} {
				older(at)
			}
			for i := range r.Members {
				older(&r.Members[i].Missed)
			}
		}))
		n.passHealth(n.keeper.manifestPath(c)+transfer.HealthSuffix, d)
	}
}

// passHealth makes a health file older: 2 is when it was written, in 9 each
// host has in 2 when it was seen.
func (n *simNode) passHealth(path string, d time.Duration) {
	t := n.sim.t
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	check(t, err)
	kind, payload, _, err := wire.ParseFrame(data, len(data))
	check(t, err)
	var body map[int]any
	check(t, wire.Unmarshal(payload[4:], &body))
	older := func(at any) any { return at.(uint64) - uint64(d/time.Second) }
	body[2] = older(body[2])
	for _, one := range body[9].([]any) {
		if h := one.(map[any]any); h[uint64(2)] != uint64(0) {
			h[uint64(2)] = older(h[uint64(2)])
		}
	}
	text, err := wire.Marshal(body)
	check(t, err)
	sum := crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))
	writeFile(t, path, wire.AppendFrame(nil, kind, append(binary.BigEndian.AppendUint32(nil, sum), text...)))
}

// rounds lets all keepers make one, one after the other or all at once.
func (s *sim) rounds(atOnce bool) {
	var wait sync.WaitGroup
	for _, n := range s.keepers() {
		one := func() {
			if err := n.keeper.Round(s.t.Context()); err != nil {
				s.t.Errorf("round: %v", err)
			}
		}
		if !atOnce {
			one()
			continue
		}
		wait.Go(one)
	}
	wait.Wait()
}

// put has an owner put a file, entrust it and go away for good. It returns the
// first manifest and what is in the file.
func (s *sim) put() (manifest string, content []byte) {
	h, _ := s.peer()
	home := s.t.TempDir()
	content = make([]byte, simSize)
	for i := range content {
		content[i] = byte(s.rand.Uint32())
	}
	path := filepath.Join(home, "file")
	writeFile(s.t, path, content)
	e := s.engine(h, home, shard.NewSeed())
	put, err := e.Put(s.t.Context(), transfer.Source{Path: path}, transfer.PutOptions{Scheme: shard.Scheme{Data: 8, Parity: 12}}, func(transfer.Progress) {})
	check(s.t, err)
	owner, err := New(Config{
		Dir: filepath.Join(home, "keeper"), Host: h, Client: exchange.NewClient(h, mesh, exchange.Timeouts{}), Engine: e, Finder: s, Mesh: mesh,
	})
	check(s.t, err)
	keepers, err := owner.Entrust(s.t.Context(), put.Manifest, simKeepers, time.Time{})
	check(s.t, err)
	if len(keepers) != simKeepers {
		s.t.Fatalf("%d keepers, want %d", len(keepers), simKeepers)
	}
	check(s.t, h.Close())
	return put.Manifest, content
}

// read brings the file back, on a new machine, with the first manifest.
func (s *sim) read(manifest string, content []byte) {
	h, _ := s.peer()
	home := s.t.TempDir()
	out := filepath.Join(home, "out")
	_, err := s.engine(h, home, shard.Seed{}).Get(s.t.Context(), manifest, transfer.Destination{Path: out}, func(transfer.Progress) {})
	check(s.t, err)
	got, err := os.ReadFile(out)
	check(s.t, err)
	if !bytes.Equal(got, content) {
		s.t.Error("the file is not what it was")
	}
}

// The owner is away for good. Every day one host of thirty dies and a fresh one
// joins; after 60 days (20 with -short, or under the race detector) nearly nobody
// is left of those who were there first, and whoever has the first manifest still
// reads the file.
func TestAFileOutlivesItsHosts(t *testing.T) {
	anybody := func(s *sim, _ int) *simNode { return s.nodes[s.rand.IntN(len(s.nodes))] }
	for name, tt := range map[string]struct {
		victim  func(s *sim, day int) *simNode
		atOnce  bool
		restart bool
		skewed  bool
		short   bool
	}{
		"hosts die": {victim: anybody},
		"keepers die in turn": {victim: func(s *sim, day int) *simNode {
			if day%2 == 0 {
				return s.keepers()[0]
			}
			return anybody(s, day)
		}},
		"keepers at once, restarted, with clocks an hour apart": {victim: anybody, atOnce: true, restart: true, skewed: true, short: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, tt.skewed)
			manifest, content := s.put()
			days := 60
			if testing.Short() || raceOn || tt.short {
				days = 20
			}
			for d := range days {
				s.kill(tt.victim(s, d))
				s.add()
				for range 2 {
					s.rounds(tt.atOnce)
					for _, n := range s.nodes {
						n.pass(12 * time.Hour)
					}
				}
				if tt.restart && d%3 == 0 {
					for _, n := range s.nodes {
						n.start()
					}
				}
				if len(s.keepers()) == 0 {
					t.Fatalf("day %d: no keeper is left", d)
				}
			}
			// Those that were replaced and live on stay: there may be twice as many.
			if n := len(s.keepers()); n < 2 || n > 3*simKeepers {
				t.Errorf("%d keepers at the end, want about %d", n, simKeepers)
			}
			for _, n := range s.keepers() {
				if n.store.Shards() > 0 {
					t.Error("a keeper is a host of its file")
				}
			}
			s.read(manifest, content)
		})
	}
}
