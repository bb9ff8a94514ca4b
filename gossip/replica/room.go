package replica

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// room is what may still be taken in.
type room struct {
	bytes, sources int
	epochs         func(peer.ID) int
	newcomers      map[peer.ID]int
}

func (r *Replica) room() *room {
	l := r.cfg.Limits
	return &room{
		bytes: l.Bytes - r.bytes, sources: l.Sources - len(r.sources),
		epochs:    func(id peer.ID) int { return l.Epochs - r.epochs[id] },
		newcomers: map[peer.ID]int{},
	}
}

func (m *room) use(source Source, bytes int, newcomer bool) {
	m.bytes -= bytes
	if newcomer {
		m.sources--
		m.newcomers[source.Peer]++
	}
}

func (m *room) forSource(id peer.ID) error {
	if m.sources <= 0 || m.epochs(id) <= m.newcomers[id] {
		return fmt.Errorf("%w: too many sources", wire.ErrFull)
	}
	return nil
}

// sourceFor returns the state of a source; a new one is kept only once something of
// it is taken.
func (r *Replica) sourceFor(id Source, room *room) (*source, error) {
	if s := r.sources[id]; s != nil {
		return s, nil
	}
	return newSource(), room.forSource(id.Peer)
}
