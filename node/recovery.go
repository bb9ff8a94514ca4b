package node

import (
	"context"
	"errors"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard/catalogue"
)

// Recover brings the owner's manifests back; see [control.Backend].
func (n *Node) Recover(ctx context.Context, _ control.RecoverRequest, emit func(control.Progress)) (control.RecoverResult, error) {
	r, seconds, err := timed(func() (catalogue.Recovered, error) {
		return n.catalogue.Recover(ctx, func(p catalogue.Progress) {
			emit(control.Progress{Phase: "recover", Done: int64(p.Done), Total: int64(p.Total)})
		})
	})
	n.listChanged()
	n.events.publish(Event{Type: EventRecoverDone, Err: textOf(err)})
	if errors.Is(err, catalogue.ErrNothing) && len(n.host.Network().Peers()) == 0 {
		return control.RecoverResult{}, control.NewError(control.ExitNetwork, 5, "no peers were reached").Wrap(err).
			Because("files are recovered from the mesh, and 0 nodes of it answer").Try("batchain recover --bootstrap MULTIADDR")
	}
	if err != nil {
		return control.RecoverResult{}, recoverFault(err)
	}
	res := control.RecoverResult{Files: r.Kept + len(r.Files) + len(r.Missing), Recovered: r.Kept + len(r.Files), Missing: []string{}, Seconds: seconds}
	for _, e := range r.Missing {
		res.Missing = append(res.Missing, e.File.String())
	}
	if len(r.Stale) > 0 {
		emit(control.Progress{Phase: "recover", Note: "some hosts have an older list than there was: the same command later may find more files"})
	}
	return res, nil
}

// recoverFault explains why nothing was recovered.
func recoverFault(err error) error {
	switch {
	case errors.Is(err, catalogue.ErrNothing):
		return control.NewError(control.ExitNotFound, 3, "no files were found under this key").Wrap(err).
			Because("the words are others, or no host that knows them is reached in this mesh").
			Try("batchain peers, to see whom this node reaches", "batchain recover --bootstrap MULTIADDR", "compare the words with the paper")
	case errors.Is(err, catalogue.ErrNewer):
		return control.NewError(control.ExitConfig, 6, "a newer version wrote the list of files").Wrap(err).
			Because("%v", err).Try("use the batchain that wrote it, or a newer one")
	}
	return fileFault(err, "the list of files")
}
