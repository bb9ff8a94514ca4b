package keeper

import (
	"net/netip"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// arrival is a charge that is being brought.
type arrival struct {
	from    source
	bytes   int64
	deleted bool // its owner deleted the file meanwhile
}

// source is who brought a charge, and from which network: "" is none.
type source struct {
	peer    peer.ID
	network string
}

func sourceOf(from peer.ID, network netip.Prefix) source {
	if !network.IsValid() {
		return source{peer: from}
	}
	return source{from, network.String()}
}

// admit checks the limits and holds room until leave. It returns the charge
// that is here already, if any.
func (k *Keeper) admit(from source, c shard.Charge, g shard.Grant) (*charge, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o := ownerOf(g)
	known := k.charges[o]
	switch {
	case k.tombs.has(o):
		return nil, wire.ErrDeleted
	case k.arriving[o] != nil:
		return nil, wire.ErrInProgress
	case known != nil && known.digest != shard.GrantDigest(c.Grant):
		return nil, wire.ErrBadRequest.With("the file is kept under another grant")
	}
	more := int64(0)
	if known == nil {
		more = c.Manifest
	} else {
		more = max(0, c.Manifest-known.Manifest)
	}
	if err := k.room(from, known == nil, more); err != nil {
		return nil, err
	}
	k.arriving[o] = &arrival{from: from, bytes: more}
	return known, nil
}

// load is so many files and bytes of manifests.
type load struct {
	files int
	bytes int64
}

func (l *load) add(bytes int64) { l.files, l.bytes = l.files+1, l.bytes+bytes }

// room returns an error unless one more file, or more bytes of one, fit.
func (k *Keeper) room(from source, file bool, more int64) error {
	var all, peers, networks load
	count := func(by source, size int64) {
		all.add(size)
		if by.peer == from.peer {
			peers.add(size)
		}
		if by.network == from.network && by.network != "" {
			networks.add(size)
		}
	}
	for _, c := range k.charges {
		count(source{c.From, c.Network}, c.Manifest)
	}
	for _, a := range k.arriving {
		count(a.from, a.bytes)
	}
	full := func(l load, files int, bytes int64) bool {
		return file && l.files >= files || more > 0 && l.bytes+more > bytes
	}
	l := k.cfg.Limits
	switch {
	case full(peers, l.PeerFiles, l.PeerBytes), full(networks, l.networkFiles(), l.networkBytes()):
		return wire.ErrQuota
	case full(all, l.Files, l.Bytes):
		return wire.ErrFull
	}
	return nil
}

func (k *Keeper) leave(g shard.Grant) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.arriving, ownerOf(g))
}
