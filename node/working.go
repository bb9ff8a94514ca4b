package node

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/node/labour"
)

// openLabour makes what the node does about workgroups, which costs nothing
// until there is a project or somebody volunteers.
func (n *Node) openLabour(context.Context) (err error) {
	n.labour, err = labour.New(labour.Config{
		Dir: n.home.work(), Host: n.host, Mesh: n.cfg.Mesh, Client: n.cfg.Client, Owner: n.workOwner,
		Offers: n.members.offers, Changed: n.hasNews, Logger: n.log.With("part", "labour"), Registerer: n.registry,
	})
	n.Labour = n.labour
	n.addPart("work", n.whenServing(n.labour.Run))
	return err
}

// workOwner is the key by which a hive knows the bees of one person. Each hive
// gets another one.
func (n *Node) workOwner(hive peer.ID) (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, n.seed[:], nil, "batchain/work/owner/1\x00"+string(hive), ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("owner key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// hasNews makes the node tell the mesh at once what has changed.
func (n *Node) hasNews() {
	select {
	case n.news <- struct{}{}:
	default:
	}
}

// offer is the work that this node has for others.
func (n *Node) offer(ctx context.Context) offer {
	return offer{Version: vitalsVersion, Units: n.labour.Offer(ctx)}
}

// offers are the members that live and say they have work.
func (m *membership) offers() []peer.ID {
	var ids []peer.ID
	for _, other := range m.gossiper.Members() {
		if other.Self || !other.State.Alive() || other.Equivocates {
			continue
		}
		if o, err := parseOffer(other.Values[workKey].Data); err == nil && o.Units > 0 {
			ids = append(ids, other.Peer)
		}
	}
	return ids
}
