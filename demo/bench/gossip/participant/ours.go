package participant

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/demo/bench/gossip/world"
	"github.com/batchain/batchain/gossip"
)

// oursName is what this project's own gossip layer is called in the tables.
const oursName = "batchain"

// oursMesh is the mesh of all worlds.
const oursMesh = "bench"

// ours is this project's gossip layer with its defaults, over the fabric's
// streams in place of libp2p's. What it stores survives a crash in memory.
func ours() world.Participant {
	return world.Participant{Start: startOurs, Attack: attackOurs}
}

type oursMember struct {
	node     *world.Node
	gossiper *gossip.Gossiper
	sets     chan [2]string
	stop     context.CancelFunc
	tasks    sync.WaitGroup
}

func startOurs(n *world.Node) (world.Member, error) {
	return runOurs(n, newOursTransport(n.Fabric, n.Index))
}

func runOurs(n *world.Node, transport gossip.Transport) (*oursMember, error) {
	store, ok := n.Disk["store"].(gossip.Store)
	if !ok {
		store = gossip.NewMemoryStore()
		n.Disk["store"] = store
	}
	var seeds []peer.ID
	for _, seed := range n.Through {
		seeds = append(seeds, oursID(seed))
	}
	g, err := gossip.New(gossip.Config{
		Key:       oursKey(n.Index),
		Mesh:      oursMesh,
		Transport: transport,
		Store:     store,
		Seeds:     func() []peer.ID { return seeds },
		Rand:      rand.New(rand.NewPCG(n.Seed, 2)),
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &oursMember{node: n, gossiper: g, sets: make(chan [2]string, 1<<16), stop: stop}
	events := g.Watch(ctx)
	m.tasks.Go(func() {
		for e := range events {
			m.tell(e)
		}
	})
	m.tasks.Go(func() { m.set(ctx) })
	m.tasks.Go(func() {
		if err := g.Run(ctx); err != nil {
			panic(err) // neither a memory store nor the fabric fails
		}
	})
	return m, nil
}

func (m *oursMember) tell(e gossip.Event) {
	peer := oursIndex(e.Peer)
	switch e.Kind {
	case gossip.KindLive:
		m.node.Live(peer)
	case gossip.KindDead, gossip.KindLeft, gossip.KindForgotten:
		m.node.Dead(peer)
	case gossip.KindUpdate:
		m.node.Value(peer, e.Key, string(e.Value))
	}
}

// set sets what Set has queued, since the member may have to wait.
func (m *oursMember) set(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-m.sets:
			_, _ = m.gossiper.Set(ctx, s[0], []byte(s[1])) // fails when ctx ends
		}
	}
}

func (m *oursMember) Set(key, value string) { m.sets <- [2]string{key, value} }

// Leave says goodbye and gives the messages a second to go out.
func (m *oursMember) Leave() error {
	if err := m.gossiper.Leave(context.Background()); err != nil {
		return err
	}
	time.Sleep(time.Second)
	return nil
}

func (m *oursMember) Stop() {
	m.stop()
	m.tasks.Wait()
}

func (m *oursMember) Known() int { return len(m.gossiper.Members()) - 1 }

// oursKey is the key of a node, or of an attacker or an invented peer, which
// have the numbers after the nodes'.
func oursKey(index int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(index))
	return ed25519.NewKeyFromSeed(seed)
}

func oursID(index int) peer.ID {
	id, err := gossip.ID(oursKey(index).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err) // every such key has an id
	}
	return id
}

// oursIndexes is the reverse of oursID for all whom a world can reach.
var oursIndexes = sync.OnceValue(func() map[peer.ID]int {
	indexes := map[peer.ID]int{}
	for i := range oursReach {
		indexes[oursID(i)] = i
	}
	return indexes
})

// oursReach is more than there are nodes in any world. Peers beyond it are
// nobody.
const oursReach = 1 << 11

func oursIndex(id peer.ID) int {
	index, known := oursIndexes()[id]
	if !known {
		return oursReach
	}
	return index
}
