package node

import (
	"context"
	"time"

	"github.com/batchain/batchain/shard"
)

// listKeepersAgain is when keepers for the owner's list of files are looked for
// after the start of a node, and again when there were none.
const listKeepersAgain = 5 * time.Minute

// listKeepers sees to it that the owner's list of files has keepers: nobody else
// knows where it lies, and without them it ends with its hosts.
type listKeepers struct {
	node   *Node
	wanted chan struct{} // holds one token when a file was put
}

// Run looks for keepers whenever they are wanted, until ctx ends.
func (l *listKeepers) Run(ctx context.Context) error {
	again := time.NewTimer(listKeepersAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wanted:
		case <-again.C:
		}
		look, cancel := context.WithTimeout(ctx, secureTime)
		if !l.node.entrustList(look) {
			again.Reset(listKeepersAgain)
		}
		cancel()
	}
}

// keepList has keepers looked for: by a node that keeps running beside what else it
// does, since some may be out of its reach; by one for a command at once.
func (n *Node) keepList(ctx context.Context) {
	if n.listKeepers == nil {
		n.entrustList(ctx)
		return
	}
	select {
	case n.listKeepers.wanted <- struct{}{}:
	default:
	}
}

// entrustList finds keepers for each page of the list, and reports whether all
// have any.
func (n *Node) entrustList(ctx context.Context) bool {
	all := true
	for page := range n.catalogue.Pages() {
		id := n.seed.CatalogueID(uint32(page))
		var keepers int
		_, grant, err := shard.NewGrant(n.seed, id, n.cfg.Mesh)
		if err == nil {
			took, entrustErr := n.keeper.EntrustNotes(ctx, grant, n.seed.FileKey(id).RepairKey(), defaultKeepers)
			keepers, err = len(took), entrustErr
		}
		if err != nil {
			n.log.Warn("the list of files has too few keepers yet", "page", page, "keepers", keepers, "err", err)
		}
		all = all && keepers > 0
	}
	return all
}
