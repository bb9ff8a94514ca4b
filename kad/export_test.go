package kad

import (
	"context"
	"log/slog"
	"slices"

	"github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// MaxPending is how many calls of Provide wait at most.
const MaxPending = maxPending

// ReadAnswer is what parses the bytes of other peers.
var ReadAnswer = readAnswer

// Bounded keeps a datastore's provider records within limits.
func Bounded(d datastore.Batching, self peer.ID, all, ofPeer int) (datastore.Batching, error) {
	return newBounded(context.Background(), d, self, limits{all: all, ofPeer: ofPeer}, slog.New(slog.DiscardHandler))
}

// Holds returns whom this node's own records name for a locator.
func (t *Table) Holds(l shard.Locator) (hosts []peer.ID) {
	infos, err := t.dht.ProviderStore().GetProviders(context.Background(), recordHash(l))
	if err != nil {
		return nil
	}
	for _, info := range infos {
		hosts = append(hosts, info.ID)
	}
	slices.Sort(hosts)
	return hosts
}

// Shut reports whether lookups leave p out.
func (t *Table) Shut(p peer.ID) bool { return t.host.shut.shut(p) }
