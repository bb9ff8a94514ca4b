package transfer

import (
	"context"
	"errors"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// passNote hands on one note. A host of the file takes it when no other does:
// it may have it already.
func (v *evacuation) passNote(ctx context.Context, n shard.NoteLot, _ []byte) error {
	if !v.takers.any(ctx) {
		v.left(0, 1, errNoTaker.Error())
		return nil
	}
	homes, tried := v.homesOf(ctx, n.Grant.Locator), map[peer.ID]bool{}
	s := spot{n.Grant.Locator, shard.MaxSegments, 0, int64(len(n.Blob))}
	for {
		p, ok := v.takers.pick(ctx, s, func(a answer) int {
			switch {
			case tried[a.peer]:
				return -1
			case homes[a.peer]:
				return 1
			}
			return 0
		})
		if !ok {
			v.left(0, 1, errNoTaker.Error())
			return nil
		}
		tried[p] = true
		err := v.e.connect(ctx, p)
		if err == nil {
			_, err = v.e.cfg.Client.PutNote(ctx, p, n.SignedNote, n.Note)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil, errors.Is(err, wire.ErrStale): // it has a newer one
			v.count(func(r *EvacuateResult) { r.Notes++ })
			return nil
		}
		v.e.log.InfoContext(ctx, "host does not take a note", "peer", p, "err", err)
	}
}

// maxHomes is of how many files the hosts are kept in mind.
const maxHomes = 1 << 10

// homesOf returns who announced a file: its hosts, and its keepers. The routing
// layer is asked once.
func (v *evacuation) homesOf(ctx context.Context, file shard.Locator) homes {
	v.mu.Lock()
	look := v.homes[file]
	if look == nil {
		if len(v.homes) >= maxHomes {
			clear(v.homes)
		}
		look = sync.OnceValue(func() homes { return v.findHomes(ctx, file) })
		v.homes[file] = look
	}
	v.mu.Unlock()
	return look()
}

// homes are the peers of a file: true for its hosts, false for its keepers.
type homes map[peer.ID]bool

// rank is what is added to the rank of a keeper, see [rankLate].
func (h homes) rank(p peer.ID) int {
	if _, keeper := h[p]; keeper {
		return rankLate
	}
	return 0
}

func (v *evacuation) findHomes(ctx context.Context, file shard.Locator) homes {
	found := homes{}
	for _, p := range v.e.announced(ctx, file.Keepers()) {
		found[p.ID] = false
	}
	for _, p := range v.e.announced(ctx, file) {
		found[p.ID] = true
	}
	return found
}
