package node

import (
	"context"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/gossip/gossiptest"
	"github.com/batchain/batchain/node/broker"
)

// A relay says that it carries shards when its owner gave enough for that.
func TestWhatARelaySaysOfItself(t *testing.T) {
	relays, none := loopbackHost(t), loopbackHost(t)
	relays.SetStreamHandler(proto.ProtoIDv2Hop, func(s network.Stream) { _ = s.Reset() })
	anywhere, here := []string{"/ip4/0.0.0.0/tcp/4170"}, []string{"/ip4/127.0.0.1/tcp/4170"}
	for name, c := range map[string]struct {
		host   host.Host
		listen []string
		bytes  int64
		want   roles
	}{
		"with a budget":        {relays, anywhere, broker.MinRelayed, roleRelay | roleBulkRelay},
		"with a small one":     {relays, anywhere, broker.MinRelayed - 1, roleRelay},
		"without one":          {relays, anywhere, 0, roleRelay},
		"on this machine only": {relays, here, 1 << 30, 0},
		"no relay":             {none, anywhere, 1 << 30, 0},
	} {
		n := &Node{host: c.host, cfg: Config{Listen: c.listen, RelayBytes: c.bytes}}
		if got := n.relayRoles(); got != c.want {
			t.Errorf("%s: %b, want %b", name, got, c.want)
		}
	}
}

// A node that cannot be dialled has its reservations at the relays that say by
// gossip that their owners gave a budget.
func TestReservationsAtRelaysWithABudget(t *testing.T) {
	mesh := gossiptest.NewNetwork(1)
	reserved := make(reservations, 16)
	var seeds, budgeted []peer.ID
	var infos []peer.AddrInfo
	for i := range 10 {
		key := seedKey(byte(10 + i))
		h := loopbackHost(t, identity(t, key), libp2p.EnableRelay(), libp2p.ForceReachabilityPublic(),
			libp2p.EnableRelayService(relay.WithACL(reserved.at(i))))
		g := gossips(t, mesh, key, seeds...)
		if seeds = append(seeds, h.ID()); i%5 == 3 {
			saysRoles(t, g, roleRelay|roleBulkRelay)
			budgeted = append(budgeted, h.ID())
		} else {
			saysRoles(t, g, roleRelay)
		}
		infos = append(infos, peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	}
	source, find := &relaySource{}, make(chan func(context.Context) []peer.AddrInfo, 1)
	whenKnown := func(ctx context.Context) []peer.AddrInfo {
		select {
		case known := <-find:
			return known(ctx)
		case <-ctx.Done():
			return nil
		}
	}
	source.find.Store(&whenKnown)
	h := loopbackHost(t, append(relayOptions(Config{}, source, nil), libp2p.EnableRelay(), libp2p.ForceReachabilityPrivate())...)
	for _, info := range infos {
		h.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.PermanentAddrTTL)
	}
	n := &Node{host: h, finder: &finder{host: h}, members: &membership{gossiper: gossips(t, mesh, seedKey(1), seeds[0]), host: h}}
	deadline := time.After(30 * time.Second)
	for len(n.members.with(roleRelay)) < len(infos) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d relays are known", len(n.members.with(roleRelay)))
		}
	}
	find <- n.newRelayFinder()
	for range budgeted {
		select {
		case i := <-reserved:
			if !slices.Contains(budgeted, seeds[i]) {
				t.Errorf("relay %d, which has no budget, was asked", i)
			}
		case <-deadline:
			t.Fatal("no reservation")
		}
	}
}

// reservations tells which relays are asked for one.
type reservations chan int

func (r reservations) at(relay int) *reservationsAt { return &reservationsAt{r, relay} }

type reservationsAt struct {
	told  reservations
	relay int
}

// AllowReserve allows it and tells; see [relay.ACLFilter].
func (r *reservationsAt) AllowReserve(peer.ID, ma.Multiaddr) bool {
	select {
	case r.told <- r.relay:
	default: // more than the test looks at
	}
	return true
}

// AllowConnect refuses; see [relay.ACLFilter].
func (r *reservationsAt) AllowConnect(peer.ID, ma.Multiaddr, peer.ID) bool { return false }

func identity(t *testing.T, key ed25519.PrivateKey) libp2p.Option {
	t.Helper()
	k, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return libp2p.Identity(k)
}
