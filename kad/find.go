package kad

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/ipfs/go-cid"
	kbucket "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/multiformats/go-multihash"

	"github.com/batchain/batchain/shard"
)

// ErrNotFound says that nobody asked knows the peer.
var ErrNotFound = errors.New("peer not found")

// Closest returns up to [BucketSize] servers, the closest to key first, without
// ourselves and without peers that have no address. Any bytes but none make a
// key. It takes at most [LookupTimeout] and returns what it has then; nobody is
// no error.
func (t *Table) Closest(ctx context.Context, key []byte) ([]peer.AddrInfo, error) {
	if len(key) == 0 {
		return nil, errors.New("closest peers: empty key")
	}
	lookup, cancel := t.within(ctx, LookupTimeout)
	defer cancel()
	ids, err := t.dht.GetClosestPeers(lookup, string(key))
	var found []peer.AddrInfo
	for _, id := range ids {
		if info, ok := t.reachable(id); ok {
			found = append(found, info)
		}
	}
	switch {
	case len(found) > 0 || err == nil, errors.Is(err, kbucket.ErrLookupFailure):
		return found, nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return nil, nil
	}
	return nil, fmt.Errorf("closest peers: %w", err)
}

// reachable returns what the peerstore knows of id, if that is of any use.
func (t *Table) reachable(id peer.ID) (peer.AddrInfo, bool) {
	if id == t.host.ID() {
		return peer.AddrInfo{}, false
	}
	info := t.host.Peerstore().PeerInfo(id)
	return info, len(info.Addrs) > 0 || t.host.Network().Connectedness(id) == network.Connected
}

// FindPeer returns the addresses of a peer: at once if it is connected, else
// by a lookup of at most [LookupTimeout]. It fails with [ErrNotFound].
func (t *Table) FindPeer(ctx context.Context, id peer.ID) (peer.AddrInfo, error) {
	lookup, cancel := t.within(ctx, LookupTimeout)
	defer cancel()
	info, err := t.dht.FindPeer(lookup, id)
	if err == nil && len(info.Addrs) > 0 {
		return info, nil
	}
	if info, ok := t.reachable(id); ok {
		return info, nil
	}
	switch {
	case ctx.Err() != nil:
		return peer.AddrInfo{}, fmt.Errorf("find peer %s: %w", id, ctx.Err())
	case err == nil, errors.Is(err, routing.ErrNotFound), errors.Is(err, kbucket.ErrLookupFailure), lookup.Err() != nil:
		return peer.AddrInfo{}, fmt.Errorf("find peer %s: %w", id, ErrNotFound)
	}
	return peer.AddrInfo{}, fmt.Errorf("find peer %s: %w", id, err)
}

// Find yields the hosts that announced the locator, each once, as they are
// found, without ourselves. It ends when all servers responsible were asked or
// after [LookupTimeout]. A host whose addresses the record did not carry is
// looked up; one that stays without is left out.
func (t *Table) Find(ctx context.Context, l shard.Locator) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) {
		ctx, cancel := t.within(ctx, LookupTimeout)
		found := make(chan peer.AddrInfo)
		go t.search(ctx, l, found)
		defer func() {
			cancel()
			for range found {
			}
		}()
		for info := range found {
			if !yield(info) {
				return
			}
		}
	}
}

// search sends to found, which it closes.
func (t *Table) search(ctx context.Context, l shard.Locator, found chan<- peer.AddrInfo) {
	defer close(found)
	var open sync.WaitGroup
	defer open.Wait()
	send := func(info peer.AddrInfo) {
		select {
		case found <- info:
		case <-ctx.Done():
		}
	}
	bare := make(map[peer.ID]bool) // hosts seen: true while without an address
	for info := range t.dht.FindProvidersAsync(ctx, recordKey(l), 0) {
		without, seen := bare[info.ID]
		if info.ID == t.host.ID() || seen && !without {
			continue
		}
		if len(info.Addrs) == 0 {
			info, _ = t.reachable(info.ID)
		}
		bare[info.ID] = len(info.Addrs) == 0
		if len(info.Addrs) > 0 {
			send(info)
		}
	}
	for id, without := range bare {
		if !without {
			continue
		}
		open.Go(func() {
			if info, err := t.FindPeer(ctx, id); err == nil {
				send(info)
			}
		})
	}
}

// recordKey is what a locator's provider records lie under: the locator as a
// BLAKE3 multihash, since it is such a hash.
func recordKey(l shard.Locator) cid.Cid {
	return cid.NewCidV1(cid.Raw, recordHash(l))
}

func recordHash(l shard.Locator) multihash.Multihash {
	hash, err := multihash.Encode(l[:], multihash.BLAKE3)
	if err != nil {
		panic("kad: internal error: " + err.Error())
	}
	return hash
}
