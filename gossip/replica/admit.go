package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/batchain/batchain/wire"
)

// Signatures that cannot be verified now are tried again after a pause, which
// doubles each time.
const (
	verifyPause    = 100 * time.Millisecond
	verifyMaxPause = 10 * time.Second
)

// errForged is the verdict of a [Verifier].
var errForged = errors.New("the signature is not its source's")

// admit says whether an update that is new may be taken in: nil, or the reason why
// not. It blocks while the signature cannot be verified; when ctx ends first, its
// error comes back as errUntold.
func (r *Replica) admit(ctx context.Context, u Update, fromPeer bool) error {
	if len(u.Change) > r.cfg.Limits.Change {
		return fmt.Errorf("%w: %d bytes in one change, at most %d are taken", wire.ErrTooBig, len(u.Change), r.cfg.Limits.Change)
	}
	if !r.cfg.Authors(u.Source.Peer) {
		return ErrAuthor
	}
	if limit := r.cfg.Now().Add(MaxSkew); fromPeer && u.Time > At(limit) {
		return fmt.Errorf("%w by more than %v", ErrSkew, MaxSkew)
	}
	if err := r.verify(ctx, u); err != nil {
		return err
	}
	if len(u.Change) > 0 {
		if err := r.model.Check(u.Change); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return nil
}

// errUntold means that nobody could tell whether a signature is good.
var errUntold = errors.New("signature cannot be verified now")

func (r *Replica) verify(ctx context.Context, u Update) error {
	data := r.cfg.domain().Covered(u.record.Body)
	for pause := verifyPause; ; pause = min(2*pause, verifyMaxPause) {
		ok, err := r.cfg.Verifier.Verify(ctx, u.Source.Peer, data, u.record.Sig)
		switch {
		case err == nil && ok:
			return nil
		case err == nil:
			return errForged
		}
		r.cfg.Logger.Warn("verify update", "doc", r.cfg.Doc, "source", u.Source.Peer, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errUntold, context.Cause(ctx))
		}
	}
}
