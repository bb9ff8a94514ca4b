package devices

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
)

// town is where machines hear of each other, in the place of gossip.
type town struct {
	t        testing.TB
	patience time.Duration

	mu    sync.Mutex
	lives map[peer.ID]Member
	hosts map[peer.ID]host.Host
	all   map[peer.ID]*machine
}

// machine is a home with a real catalogue and a real host.
type machine struct {
	*Devices
	town     *town
	seed     shard.Seed
	home     string
	identity crypto.PrivKey
	cat      *catalogue.Catalogue
	log      *heard

	host host.Host
	end  func() // nil: it is off
}

// heard is what a machine has logged.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heard) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.text.String(), text)
}

func newTown(t testing.TB) *town {
	return &town{t: t, patience: 30 * time.Second, lives: map[peer.ID]Member{}, hosts: map[peer.ID]host.Host{}, all: map[peer.ID]*machine{}}
}

// machine makes a machine of an owner's, which is off.
func (w *town) machine(seed shard.Seed) *machine {
	w.t.Helper()
	m := &machine{town: w, seed: seed, home: w.t.TempDir(), log: &heard{}}
	must(w.t, os.Mkdir(m.manifests(), 0o700))
	key, _, err := crypto.GenerateEd25519Key(nil)
	must(w.t, err)
	m.identity = key
	w.t.Cleanup(m.off)
	return m
}

// pair is two machines of one owner's that are on and share their list.
func (w *town) pair() (a, b *machine) {
	w.t.Helper()
	seed := shard.NewSeed()
	a, b = w.machine(seed), w.machine(seed)
	a.on()
	b.on()
	w.await("both share the list", func() bool { return a.Seen() == 1 && b.Seen() == 1 })
	return a, b
}

func (w *town) await(what string, true func() bool) {
	w.t.Helper()
	late, look := time.NewTimer(w.patience), time.NewTicker(5*time.Millisecond)
	defer late.Stop()
	defer look.Stop()
	for !true() {
		select {
		case <-look.C:
		case <-late.C:
			w.t.Fatalf("%s: not in time", what)
		}
	}
}

func (m *machine) manifests() string       { return filepath.Join(m.home, "manifests") }
func (m *machine) path(name string) string { return filepath.Join(m.home, name) }

func (m *machine) manifest(id shard.FileID) string {
	return filepath.Join(m.manifests(), id.String()+".batchain")
}

// on starts the machine on its home.
func (m *machine) on() {
	m.town.t.Helper()
	must(m.town.t, os.MkdirAll(m.manifests(), 0o700))
	h, err := libp2p.New(libp2p.Identity(m.identity), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.Ping(false))
	must(m.town.t, err)
	m.host = h
	m.cat = m.catalogue()
	m.Devices = New(Config{
		Host: h, Mesh: "test", Key: m.seed.DevicesKey("test"), Path: m.path("devices.replica"), List: m.cat,
		Drop: m.drop, Members: m.members, Logger: slog.New(slog.NewTextHandler(m.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	m.end = func() {
		cancel()
		if err := <-done; err != nil {
			m.town.t.Errorf("devices ended: %v", err)
		}
		must(m.town.t, h.Close())
	}
	m.town.join(m, m.Mark())
}

func (m *machine) id() peer.ID {
	id, err := peer.IDFromPrivateKey(m.identity)
	must(m.town.t, err)
	return id
}

// catalogue opens the list at home; nothing of it goes to a mesh.
func (m *machine) catalogue() *catalogue.Catalogue {
	m.town.t.Helper()
	c, err := catalogue.New(catalogue.Config{Dir: m.home, Manifests: m.manifests(), Seed: m.seed, Self: m.id(), Mesh: "test"})
	must(m.town.t, err)
	return c
}

func (m *machine) drop(id shard.FileID) error {
	if err := os.Remove(m.manifest(id)); !os.IsNotExist(err) {
		return err
	}
	return nil
}

// join lets a machine be heard of, with a mark.
func (w *town) join(m *machine, mark []byte) {
	w.mu.Lock()
	w.lives[m.host.ID()] = Member{m.host.ID(), mark}
	w.hosts[m.host.ID()] = m.host
	w.all[m.host.ID()] = m
	var others []*machine
	for _, other := range w.all {
		for _, one := range w.hosts {
			if one != other.host {
				other.host.Peerstore().AddAddrs(one.ID(), one.Addrs(), peerstore.PermanentAddrTTL)
			}
		}
		others = append(others, other)
	}
	w.mu.Unlock()
	for _, other := range others {
		if other.Devices != nil {
			other.Look()
		}
	}
}

func (m *machine) members() []Member {
	m.town.mu.Lock()
	defer m.town.mu.Unlock()
	var all []Member
	for _, other := range m.town.lives {
		all = append(all, other)
	}
	return all
}

// off ends the machine.
func (m *machine) off() {
	if m.end == nil {
		return
	}
	m.town.mu.Lock()
	delete(m.town.lives, m.host.ID())
	delete(m.town.hosts, m.host.ID())
	delete(m.town.all, m.host.ID())
	m.town.mu.Unlock()
	m.end()
	m.end = nil
}

// put puts a file, as a node or, while the machine is off, a command does.
func (m *machine) put(name string) shard.FileID {
	m.town.t.Helper()
	id := shard.NewFileID()
	must(m.town.t, os.WriteFile(m.manifest(id), manifestOf(m.town.t, m.seed, id, name), 0o600))
	c := m.cat
	if m.end == nil {
		c = m.catalogue()
	}
	must(m.town.t, c.Add(m.manifest(id)))
	if m.end != nil {
		m.Changed()
	}
	return id
}

// remove removes a file.
func (m *machine) remove(id shard.FileID) {
	m.town.t.Helper()
	must(m.town.t, m.drop(id))
	c := m.cat
	if m.end == nil {
		c = m.catalogue()
	}
	_, err := c.Remove(id)
	must(m.town.t, err)
	if m.end != nil {
		m.Changed()
	}
}

// has reports whether exactly these files are listed at home, with their manifests.
func (m *machine) has(want ...shard.FileID) bool {
	entries, err := os.ReadDir(m.manifests())
	must(m.town.t, err)
	found := 0
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".batchain") && entry.Name()[0] != '.' {
			found++
		}
	}
	known, err := m.cat.Known()
	must(m.town.t, err)
	listed := 0
	for _, k := range known {
		if !k.Gone {
			listed++
		}
	}
	for _, id := range want {
		if k := known[id]; k.Gone || !k.AtHome {
			return false
		}
	}
	return found == len(want) && listed == len(want)
}

// equal waits until all machines have exactly these files.
func (w *town) equal(what string, machines []*machine, want ...shard.FileID) {
	w.t.Helper()
	for _, m := range machines {
		w.await(what, func() bool { return m.has(want...) })
	}
}

func manifestOf(t testing.TB, seed shard.Seed, id shard.FileID, name string) []byte {
	t.Helper()
	var out bytes.Buffer
	scheme := shard.Scheme{Data: 1, Parity: 1}
	m, err := shard.NewManifestWriter(&out, seed, id, "test", scheme)
	must(t, err)
	must(t, m.Segment(shard.Segment{Sealed: 116, Shards: make([]shard.ID, scheme.Shards())}))
	must(t, m.Core(shard.Private{File: id, Name: name, Size: 100}))
	must(t, m.Hosts(nil))
	must(t, m.Close())
	return out.Bytes()
}
