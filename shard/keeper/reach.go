package keeper

import (
	"context"
	"crypto/ed25519"
	"iter"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

const (
	dialTime  = 5 * time.Second
	askTime   = 20 * time.Second // one small question, the dial included
	findTime  = 10 * time.Second // one search
	maxFound  = 64               // peers of one search
	hintTime  = 12 * time.Hour   // how long addresses that were found are kept
	orderTime = time.Hour        // how long an order to one host is good
	askAtOnce = 4
)

// reach sees to a connection to p, by the addresses known or those that the
// routing layer finds.
func (k *Keeper) reach(ctx context.Context, p peer.ID) error {
	h := k.cfg.Host
	if h.Network().Connectedness(p) == network.Connected {
		return nil
	}
	if n, ok := h.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		n.Backoff().Clear(p) // rounds are far enough apart
	}
	dial, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	err := h.Connect(dial, peer.AddrInfo{ID: p})
	if err == nil || ctx.Err() != nil {
		return err
	}
	look, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	info, findErr := k.cfg.Finder.FindPeer(look, p)
	if findErr != nil || len(info.Addrs) == 0 {
		return err
	}
	return h.Connect(look, info)
}

// ask calls question when p can be reached. Who cannot, or takes longer than
// limit, is not asked again in this round; who is silent elsewhere, not at all.
func (k *Keeper) ask(ctx context.Context, p peer.ID, limit time.Duration, question func(context.Context) error) error {
	if k.silent.has(p) || k.gone(p) || k.cfg.Silent(p) {
		return errSilent
	}
	asked, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := k.reach(asked, p)
	reached := err == nil
	if reached {
		err = question(asked)
	}
	if ctx.Err() == nil {
		deaf := !reached || asked.Err() != nil
		if k.silent.called(p, deaf, k.cfg.Now()); deaf {
			k.silent.add(p)
		}
	}
	return err
}

// gone reports whether a peer is said to be gone, and was found so lately.
func (k *Keeper) gone(p peer.ID) bool {
	return k.cfg.Members.Standing(p).Life == transfer.Gone && k.silent.deafLately(p, k.cfg.Now())
}

// Returned tells that a peer that was silent lives again. It blocks on nothing
// but a lock.
func (k *Keeper) Returned(p peer.ID) { k.silent.comeBack(p, k.cfg.Now()) }

// find returns the peers that announced a locator, never this one.
func (k *Keeper) find(ctx context.Context, l shard.Locator) []peer.ID {
	look, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	return ids(k.gather(k.cfg.Finder.Find(look, l), nil))
}

// gather takes at most maxFound peers from a search, each once, none of those
// left out and never this one, and notes their addresses.
func (k *Keeper) gather(found iter.Seq[peer.AddrInfo], leaveOut map[peer.ID]bool) []peer.AddrInfo {
	seen := map[peer.ID]bool{k.self: true}
	var infos []peer.AddrInfo
	for p := range found {
		if seen[p.ID] || leaveOut[p.ID] {
			continue
		}
		seen[p.ID] = true
		k.cfg.Host.Peerstore().AddAddrs(p.ID, p.Addrs, hintTime)
		if infos = append(infos, p); len(infos) == maxFound {
			break
		}
	}
	return infos
}

func ids(infos []peer.AddrInfo) []peer.ID {
	peers := make([]peer.ID, len(infos))
	for i, info := range infos {
		peers[i] = info.ID
	}
	return peers
}

// each calls visit for all peers that can be reached, a few at once, and waits.
func (k *Keeper) each(ctx context.Context, peers []peer.ID, visit func(ctx context.Context, p peer.ID)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, askAtOnce)
	for _, p := range peers {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			err := k.ask(ctx, p, askTime, func(ctx context.Context) error { visit(ctx, p); return nil })
			if err != nil {
				k.log.DebugContext(ctx, "peer cannot be reached", "peer", p, "err", err)
			}
		})
	}
	wait.Wait()
}

// file is what an order about a file needs.
type file struct {
	signed wire.Signed // the grant
	digest shard.Digest
	grant  shard.Grant
	key    ed25519.PrivateKey // of repair
}

func (c *charge) file() file { return file{c.Grant, c.digest, c.grant, c.key} }

func fileOf(m *shard.Manifest) file {
	return file{m.SignedGrant, shard.GrantDigest(m.SignedGrant), m.Grant, m.Repair}
}

// order signs an order to one host.
func (k *Keeper) order(f file, to peer.ID, kind string, o shard.Order) (wire.Signed, error) {
	o.Grant, o.Host, o.NotAfter = f.digest, to, k.cfg.Now().Add(orderTime).Unix()
	return o.Sign(f.key, kind, k.cfg.Mesh)
}

// askTurns asks keepers how a file fares; keeps says that this node is one, too.
// Who does not keep it, or does not answer, is not in the answer. An answer
// proves nothing: whoever is asked can make one up.
func (k *Keeper) askTurns(ctx context.Context, f file, keepers []peer.ID, keeps bool) map[peer.ID]shard.Turn {
	var mu sync.Mutex
	answers := map[peer.ID]shard.Turn{}
	k.each(ctx, keepers, func(ctx context.Context, p peer.ID) {
		order, err := k.order(f, p, shard.OrderTurn, shard.Order{Keeps: keeps})
		if err != nil {
			k.log.ErrorContext(ctx, "order cannot be signed", "err", err)
			return
		}
		t, err := k.cfg.Client.Turn(ctx, p, f.signed, order)
		if err != nil {
			k.log.InfoContext(ctx, "keeper does not answer for a file", "peer", p, "file", f.grant.Locator, "err", err)
			return
		}
		t.Keepers = t.Keepers[:min(len(t.Keepers), shard.MaxKeepers)]
		mu.Lock()
		defer mu.Unlock()
		answers[p] = t
	})
	return answers
}

// networkOf returns the network that a peer says it is in: the first public
// address's IPv4 /16 or IPv6 /32, zero when it names none.
func networkOf(info peer.AddrInfo) netip.Prefix {
	for _, addr := range info.Addrs {
		ip, err := manet.ToIP(addr)
		if err != nil || !manet.IsPublicAddr(addr) {
			continue
		}
		at, _ := netip.AddrFromSlice(ip)
		at, bits := at.Unmap(), 32
		if at.Is4() {
			bits = 16
		}
		prefix, _ := at.Prefix(bits)
		return prefix
	}
	return netip.Prefix{}
}
