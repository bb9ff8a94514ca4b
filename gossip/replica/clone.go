package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// Clone returns another replica of the document in this process, of an empty model of
// the same kind: what is written to one comes to the other, at once. It writes in the
// same peer's name under an epoch of its own, and is not kept on disk. Closing either
// ends the connection.
func (r *Replica) Clone(model Model) (*Replica, error) {
	cfg := r.cfg
	cfg.Registerer, cfg.Trace = nil, nil
	clone, err := New(model, cfg)
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	if err := r.follow(ours, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("clone %s: %w", cfg.Doc, err), clone.Close())
	}
	return clone, clone.follow(theirs, 0)
}

// follow replicates in the background, until either replica is closed.
func (r *Replica) follow(rw io.ReadWriteCloser, clones int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	r.clones += clones
	r.running.Go(func() {
		err := r.Replicate(context.Background(), rw, StreamOptions{Tail: true})
		r.mu.Lock()
		defer r.mu.Unlock()
		r.clones -= clones
		r.cfg.Logger.Debug("clone ended", "doc", r.cfg.Doc, "err", err)
	})
	return nil
}
