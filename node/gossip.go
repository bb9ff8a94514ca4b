package node

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/gossip"
)

// openGossip makes the node a member of its mesh. A node for the length of one
// command only listens: as a member it would be dead a moment later.
func (n *Node) openGossip(context.Context) error {
	key, err := signingKey(n.host.Peerstore().PrivKey(n.ID()))
	if err != nil {
		return err
	}
	n.members = &membership{
		host: n.host, speaks: gossip.ProtocolID(n.cfg.Mesh), met: n.bootstrap, goodbye: !n.cfg.Client,
		events: n.events, cache: n.cache, returned: func(p peer.ID) { n.keeper.Returned(p) },
		offered: func() { n.labour.Look() }, heard: n.lookForDevices,
		known: map[peer.ID]bool{},
	}
	cfg := gossip.Config{
		Key: key, Mesh: n.cfg.Mesh, Transport: gossip.NewLibp2p(n.host, n.cfg.Mesh), Silent: n.cfg.Client,
		Seeds: n.members.seeds, Logger: n.log.With("part", "gossip"), Registerer: n.registry,
	}
	if n.cfg.Client {
		cfg.Options.Push = -1
	} else {
		n.relied = &relied{manifests: n.ownManifests, read: n.partners, log: n.log.With("part", "gossip")}
		cfg.Important = func(p peer.ID) bool { return n.relied.has(p) || n.isDevice(p) }
		n.addPart("relied", n.relied.Run)
	}
	if n.index != nil {
		cfg.Store = &roomyStore{gossip.NewBadgerStore(n.index.DB, "gossip", nil), n.indexRoom}
	}
	if n.members.gossiper, err = gossip.New(cfg); err != nil {
		return err
	}
	n.finder.members = n.members.hosts
	find := n.newRelayFinder()
	n.relays.find.Store(&find)
	n.addPart("gossip", n.whenServing(n.members.Run))
	if !n.cfg.Client {
		n.news = make(chan struct{}, 1)
		n.addPart("vitals", (&saying{node: n, say: n.members.gossiper.Set, news: n.news}).Run)
	}
	return nil
}

// membership is the node among the members of its mesh: what it hears of the
// others is here.
type membership struct {
	gossiper *gossip.Gossiper
	host     host.Host
	speaks   protocol.ID // of a member
	met      *bootstrap
	goodbye  bool // said at the end
	events   *events
	cache    *peerCache
	returned func(peer.ID) // told of those that live again
	offered  func()        // told that a member offers more or less work
	heard    func()        // somebody lives, or says something new

	mu    sync.Mutex
	known map[peer.ID]bool // members; gossip itself cannot be asked while it asks for seeds
}

// byeTime bounds how long a goodbye may hold up the end of a node.
const byeTime = time.Second

// Run is a member until ctx ends, and then says goodbye.
func (m *membership) Run(ctx context.Context) error {
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, failed := errgroup.WithContext(living)
	heard := m.gossiper.Watch(living)
	for _, other := range m.gossiper.Members() {
		m.meet(other.Peer)
	}
	group.Go(func() error {
		for e := range heard {
			m.hear(e)
		}
		return nil
	})
	group.Go(func() error { return m.gossiper.Run(living) })
	select {
	case <-ctx.Done():
	case <-failed.Done():
	}
	if m.goodbye && failed.Err() == nil {
		bye, cancel := context.WithTimeout(living, byeTime)
		defer cancel()
		_ = m.gossiper.Leave(bye) // who does not hear it finds out by itself
	}
	end()
	return group.Wait()
}

// maxSeeds bounds the seeds of one round beside the configured ones.
const maxSeeds = 64

// seeds are whom gossip calls beside members: peers that are connected, speak
// gossip and are no members yet; else those configured; and where nobody is
// connected also those met before. Only strangers, when there are any: pairs that
// have found each other among many would be content with that.
func (m *membership) seeds() []peer.ID {
	connected := m.host.Network().Peers()
	if strangers := m.strangers(connected); len(strangers) > 0 {
		return strangers
	}
	more := m.met.configured
	if len(connected) == 0 {
		known := m.met.known()
		more = known[:min(len(known), maxSeeds)]
	}
	ids := make([]peer.ID, 0, len(more))
	for _, info := range more {
		m.host.Peerstore().AddAddrs(info.ID, info.Addrs, seedTime)
		ids = append(ids, info.ID)
	}
	return ids
}

func (m *membership) strangers(connected []peer.ID) []peer.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []peer.ID
	for _, p := range connected {
		speaks, err := m.host.Peerstore().SupportsProtocols(p, m.speaks)
		if err == nil && len(speaks) > 0 && !m.known[p] && len(ids) < maxSeeds {
			ids = append(ids, p)
		}
	}
	return ids
}

// meet notes who is a member.
func (m *membership) meet(p peer.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[p] = true
}

// forget notes who is none any more.
func (m *membership) forget(p peer.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, p)
}

// seedTime is how long the addresses of a seed are kept: until it is asked.
const seedTime = time.Minute

// roomyStore keeps members while the disk takes them. Of what it does not
// keep, the others tell again.
type roomyStore struct {
	*gossip.BadgerStore
	room func() bool
}

// Put keeps members, or not; see [gossip.Store].
func (s *roomyStore) Put(members ...gossip.Saved) error {
	if !s.room() {
		return nil
	}
	return s.BadgerStore.Put(members...)
}

// Delete forgets a member, or not; see [gossip.Store].
func (s *roomyStore) Delete(p peer.ID) error {
	if !s.room() {
		return nil
	}
	return s.BadgerStore.Delete(p)
}

// count counts the other members by state.
func (m *membership) count() map[string]int {
	counts := map[string]int{}
	for _, other := range m.gossiper.Members() {
		if !other.Self {
			counts[other.State.String()]++
		}
	}
	return counts
}
