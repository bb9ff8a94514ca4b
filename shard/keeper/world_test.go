package keeper

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/zeebo/blake3"
	"golang.org/x/time/rate"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

const mesh = "test"

// world is peers that reach one another by function calls, under one clock.
type world struct {
	t     *testing.T
	mu    sync.Mutex
	now   time.Time
	nodes map[peer.ID]*node
	ids   []peer.ID                   // in the order in which they came
	found map[shard.Locator][]peer.ID // what was announced
}

// node is one peer: maybe a keeper, maybe a host of notes.
type node struct {
	w       *world
	id      peer.ID
	dir     string
	down    bool
	skew    time.Duration
	keeper  *Keeper // nil: none
	engine  *fakeEngine
	host    *fakeHost
	holds   bool
	own     []string
	notes   map[string]shard.SignedNote // by admin key and writer
	renewed int
	keeps   int                                  // KEEPs that came
	lie     func(shard.Turn) (shard.Turn, error) // at TURN, may be nil
	limits  Limits
}

func newWorld(t *testing.T, keepers int) *world {
	w := &world{t: t, now: time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC), nodes: map[peer.ID]*node{}, found: map[shard.Locator][]peer.ID{}}
	for range keepers {
		w.add()
	}
	return w
}

// identity is the key of peer number n, the same in every run.
func identity(t testing.TB, n int) (ed25519.PrivateKey, peer.ID) {
	t.Helper()
	seed := blake3.Sum256(binary.BigEndian.AppendUint32([]byte("peer"), uint32(n)))
	private := ed25519.NewKeyFromSeed(seed[:])
	key, err := crypto.UnmarshalEd25519PublicKey(private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return private, id
}

// add adds a peer that is a keeper.
func (w *world) add() *node {
	_, id := identity(w.t, len(w.ids))
	store, err := pstoremem.NewPeerstore()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = store.Close() })
	n := &node{w: w, id: id, dir: filepath.Join(w.t.TempDir(), "keeper"), engine: &fakeEngine{}, notes: map[string]shard.SignedNote{}}
	n.host = &fakeHost{id: id, store: store}
	n.engine.reset()
	w.nodes[id] = n
	w.ids = append(w.ids, id)
	n.start()
	return n
}

// start makes a new keeper on the same folder, as a new process would.
func (n *node) start() {
	n.w.t.Helper()
	k, err := New(n.config())
	if err != nil {
		n.w.t.Fatal(err)
	}
	k.pace.SetLimit(rate.Inf)
	k.slots = make(chan struct{}, 1) // so that what happens has an order
	n.keeper = k
}

func (n *node) config() Config {
	return Config{
		Dir: n.dir, Host: n.host, Client: n, Engine: n.engine, Finder: n, Mesh: mesh, Limits: n.limits,
		Announce: func(l shard.Locator) { n.w.announce(l, n.id) },
		Withdraw: func(l shard.Locator) { n.w.withdraw(l, n.id) },
		Holds:    func(shard.Locator) bool { return n.holds },
		Own:      func() []string { return n.own },
		Now:      func() time.Time { return n.w.clock().Add(n.skew) },
		Logger:   slog.New(slog.NewTextHandler(n.w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) announce(l shard.Locator, id peer.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.found[l], id) {
		w.found[l] = append(w.found[l], id)
	}
}

func (w *world) withdraw(l shard.Locator, id peer.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found[l] = slices.DeleteFunc(w.found[l], func(p peer.ID) bool { return p == id })
}

// round lets every keeper that is up make a round, then lets d pass.
func (w *world) round(d time.Duration) {
	w.t.Helper()
	for _, id := range w.ids {
		if n := w.nodes[id]; !n.down {
			if err := n.keeper.Round(w.t.Context()); err != nil {
				w.t.Fatalf("round: %v", err)
			}
		}
	}
	w.pass(d)
}

var errDown = errors.New("connection refused")

// to returns the peer that n calls.
func (n *node) to(p peer.ID) (*node, error) {
	other := n.w.nodes[p]
	if other == nil || other.down || n.down {
		return nil, errDown
	}
	return other, nil
}

func (n *node) Keep(ctx context.Context, p peer.ID, c shard.Charge, manifest io.Reader) error {
	other, err := n.to(p)
	if err != nil {
		return err
	}
	other.keeps++
	return other.keeper.Keep(ctx, n.id, netip.Prefix{}, c, io.LimitReader(manifest, c.Manifest))
}

func (n *node) Turn(ctx context.Context, p peer.ID, grant, order wire.Signed) (shard.Turn, error) {
	other, err := n.to(p)
	if err != nil {
		return shard.Turn{}, err
	}
	g, err := shard.OpenGrant(grant, mesh)
	if err != nil {
		return shard.Turn{}, err
	}
	o, err := shard.OpenOrder(order, g.Repair, shard.OrderTurn, mesh, shard.GrantDigest(grant), p, n.w.clock())
	if err != nil {
		return shard.Turn{}, err
	}
	t, err := other.keeper.Turn(ctx, n.id, g, o.Keeps)
	if other.lie != nil {
		return other.lie(t)
	}
	return t, err
}

func (n *node) Renew(_ context.Context, p peer.ID, grant, order wire.Signed) ([]wire.Signed, []byte, error) {
	other, err := n.to(p)
	if err != nil {
		return nil, nil, err
	}
	g, err := shard.OpenGrant(grant, mesh)
	if err != nil {
		return nil, nil, err
	}
	o, err := shard.OpenOrder(order, g.Repair, shard.OrderRenew, mesh, shard.GrantDigest(grant), p, n.w.clock())
	if err != nil {
		return nil, nil, err
	}
	if o.Cursor == nil {
		return nil, []byte{1}, nil
	}
	other.renewed++
	return nil, nil, nil
}

func (n *node) Notes(_ context.Context, p peer.ID, l shard.Locator) (notes []shard.SignedNote, err error) {
	other, err := n.to(p)
	if err != nil {
		return nil, err
	}
	for _, note := range other.notes {
		if g, err := shard.OpenGrant(note.Grant, mesh); err == nil && g.Locator == l {
			notes = append(notes, note)
		}
	}
	return notes, nil
}

func (n *node) PutNote(_ context.Context, p peer.ID, note shard.SignedNote, terms shard.Note) (r shard.NoteReceipt, err error) {
	other, err := n.to(p)
	if err != nil {
		return r, err
	}
	g, err := shard.OpenGrant(note.Grant, mesh)
	if err != nil {
		return r, err
	}
	key := fmt.Sprint(string(g.Admin), terms.Writer)
	if old, ok := other.notes[key]; ok {
		was, err := shard.OpenNote(old.Note, g, shard.GrantDigest(old.Grant))
		if err != nil || was.Seq > terms.Seq {
			return r, wire.ErrStale
		}
	}
	other.notes[key] = note
	n.w.announce(g.Locator, p)
	return r, nil
}

func (n *node) Candidates(context.Context) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) {
		for _, id := range n.w.ids {
			if !yield(peer.AddrInfo{ID: id}) {
				return
			}
		}
	}
}

func (n *node) Find(_ context.Context, l shard.Locator) iter.Seq[peer.AddrInfo] {
	n.w.mu.Lock()
	found := slices.Clone(n.w.found[l])
	n.w.mu.Unlock()
	return func(yield func(peer.AddrInfo) bool) {
		for _, id := range found {
			if !yield(peer.AddrInfo{ID: id}) {
				return
			}
		}
	}
}

func (n *node) FindPeer(context.Context, peer.ID) (peer.AddrInfo, error) {
	return peer.AddrInfo{}, errDown
}

// fakeHost is as much of a host as a keeper uses; all are connected to all.
type fakeHost struct {
	host.Host
	id    peer.ID
	store peerstore.Peerstore

	mu    sync.Mutex
	lost  map[peer.ID]bool // whom it is not connected to, and cannot reach
	dials map[peer.ID]int
}

func (h *fakeHost) ID() peer.ID                    { return h.id }
func (h *fakeHost) Peerstore() peerstore.Peerstore { return h.store }
func (h *fakeHost) Network() network.Network       { return fakeNetwork{lost: h.lost} }

func (h *fakeHost) Connect(_ context.Context, p peer.AddrInfo) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dials == nil {
		h.dials = map[peer.ID]int{}
	}
	h.dials[p.ID]++
	return errDown
}

type fakeNetwork struct {
	network.Network
	lost map[peer.ID]bool
}

func (n fakeNetwork) Connectedness(p peer.ID) network.Connectedness {
	if n.lost[p] {
		return network.NotConnected
	}
	return network.Connected
}

// fakeEngine finds what it is told to find, and counts.
type fakeEngine struct {
	mu                      sync.Mutex // of the counts
	audit                   transfer.AuditResult
	err                     error
	audits, renews, repairs int
	manifests               []string
	leases                  []time.Duration
	avoided                 []peer.ID
	silent                  int    // hosts that do not hear of a renewal
	atWork                  func() // called in an audit, may be nil
}

// reset makes the file whole, at one host that is not in the world.
func (e *fakeEngine) reset() {
	_, id := identity(&testing.T{}, 1000)
	e.audit = transfer.AuditResult{
		Hosts:  []transfer.HostReport{{Peer: id, OK: 1}},
		Health: transfer.Health{Segments: 1, Hosts: 1, Margin: 12, FullMargin: 12},
	}
}

func (e *fakeEngine) Audit(_ context.Context, manifest string, _ transfer.AuditOptions, _ func(transfer.Progress)) (transfer.AuditResult, error) {
	e.mu.Lock()
	e.audits++
	e.manifests = append(e.manifests, manifest)
	e.mu.Unlock()
	if e.atWork != nil {
		e.atWork()
	}
	return e.audit, e.err
}

func (e *fakeEngine) Repair(_ context.Context, _ string, opts transfer.RepairOptions, _ func(transfer.Progress)) (transfer.RepairResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.repairs++
	e.avoided = opts.Avoid
	e.audit.Health.Margin = e.audit.Health.FullMargin
	return transfer.RepairResult{AuditResult: e.audit, Rebuilt: 1}, nil
}

func (e *fakeEngine) Renew(_ context.Context, _ string, lease time.Duration) (int, int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.renews++
	e.leases = append(e.leases, lease)
	return len(e.audit.Hosts) - e.silent, 1, nil
}

// sample is one file of an owner's, as manifests.
type sample struct {
	seed   shard.Seed
	id     shard.FileID
	grant  shard.Grant
	signed wire.Signed
	repair []byte // the repair manifest
	read   []byte
}

// newSample makes file number n, of one segment; version changes its core.
func newSample(t testing.TB, n, version byte, hosts ...peer.ID) sample {
	t.Helper()
	s := sample{seed: shard.Seed{1, n}, id: shard.FileID{2, n}}
	scheme := shard.Scheme{Data: 2, Parity: 1}
	var read bytes.Buffer
	m, err := shard.NewManifestWriter(&read, s.seed, s.id, mesh, scheme)
	check(t, err)
	check(t, m.Segment(shard.Segment{Sealed: 116, Nonce: shard.Nonce{n}, Shards: []shard.ID{{version}, {n}, {3}}}))
	check(t, m.Core(shard.Private{File: s.id, Name: "secret name", Size: 100}))
	infos := make([]peer.AddrInfo, len(hosts))
	for i, p := range hosts {
		infos[i].ID = p
	}
	check(t, m.Hosts(infos))
	check(t, m.Close())
	s.read = read.Bytes()
	opened, err := shard.OpenManifest(bytes.NewReader(s.read), int64(len(s.read)))
	check(t, err)
	var repair bytes.Buffer
	check(t, opened.Export(&repair))
	s.repair, s.grant, s.signed = repair.Bytes(), opened.Grant, opened.SignedGrant
	return s
}

// movedTo is the sample with another host in its repair manifest.
func (s sample) movedTo(t testing.TB, host peer.ID) sample {
	t.Helper()
	m, err := shard.OpenManifest(bytes.NewReader(s.repair), int64(len(s.repair)))
	check(t, err)
	var out bytes.Buffer
	check(t, m.Update(&out, []peer.AddrInfo{{ID: host}}, func(func(uint32, []shard.Placement) bool) {}))
	s.repair = out.Bytes()
	return s
}

func (s sample) key() ed25519.PrivateKey { return s.seed.FileKey(s.id).RepairKey() }

func (s sample) charge(keepers ...peer.ID) shard.Charge {
	return shard.Charge{Grant: s.signed, Repair: s.key().Seed(), Keepers: keepers, Manifest: int64(len(s.repair))}
}

// note is the sample's note of a writer.
func (s sample) note(t testing.TB, writer uint32, seq uint64, blob string) shard.SignedNote {
	t.Helper()
	terms := shard.Note{
		Grant: shard.GrantDigest(s.signed), Writer: writer, Seq: seq, Length: uint32(len(blob)), Sum: blake3.Sum256([]byte(blob)),
		Lease: uint32(shard.LeaseMax / time.Second),
	}
	signed, err := terms.Sign(s.seed.AdminKey(s.id), mesh)
	check(t, err)
	return shard.SignedNote{Grant: s.signed, Note: signed, Blob: []byte(blob)}
}

// has gives a node a note, as PutNote would.
func (n *node) has(s sample, writer uint32, note shard.SignedNote) {
	n.notes[fmt.Sprint(string(s.grant.Admin), writer)] = note
	n.w.announce(s.grant.Locator, n.id)
}

// entrust gives a charge to nodes by hand; a stranger brings it.
func (w *world) entrust(s sample, nodes ...*node) {
	w.t.Helper()
	var keepers []peer.ID
	for _, n := range nodes {
		keepers = append(keepers, n.id)
	}
	_, owner := identity(w.t, 999)
	for _, n := range nodes {
		check(w.t, n.keeper.Keep(w.t.Context(), owner, netip.Prefix{}, s.charge(keepers...), bytes.NewReader(s.repair)))
	}
}

// byTurn returns all nodes, the closest to the sample's locator first.
func (w *world) byTurn(s sample) []*node {
	order := slices.Clone(w.ids)
	byDistance(s.grant.Locator, order)
	nodes := make([]*node, len(order))
	for i, id := range order {
		nodes[i] = w.nodes[id]
	}
	return nodes
}

// record returns what a node's file says of the sample.
func (n *node) record(s sample) record {
	n.w.t.Helper()
	c := n.keeper.charges[ownerOf(s.grant)]
	if c == nil {
		n.w.t.Fatalf("the file is not kept")
	}
	r, _ := n.keeper.view(c)
	return r
}

func (n *node) keepsIt(s sample) bool { return n.keeper.charges[ownerOf(s.grant)] != nil }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	check(t, os.WriteFile(path, data, 0o600))
}
