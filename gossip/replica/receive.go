package replica

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/batchain/batchain/wire"
)

// maxForged is how many forged updates one stream may bring. Some an honest peer
// may bring, whose verifier knows more keys than ours.
const maxForged = 16

// receiver is the one that reads from a stream.
type receiver struct {
	*stream
	in     *bufio.Reader
	batch  *batch
	bad    map[Source]bool // something was refused: the rest of its batch is left
	forged int
}

func (s *stream) receive(ctx context.Context) error {
	v := &receiver{stream: s, in: bufio.NewReaderSize(s.rw, 32<<10)}
	v.reset()
	defer v.reset()
	if err := v.meet(); err != nil {
		return err
	}
	for {
		kind, payload, err := v.read()
		if errors.Is(err, io.EOF) {
			return v.atEnd()
		}
		if err != nil {
			return err
		}
		if err := v.handle(ctx, kind, payload); err != nil {
			return err
		}
	}
}

// reset forgets what came and was not taken in.
func (v *receiver) reset() {
	if v.batch != nil {
		v.r.staged.Add(-int64(v.batch.bytes))
	}
	v.batch, v.bad = newBatch(), map[Source]bool{}
}

// read returns the next frame; until the sides are equal, it waits for it no longer
// than the timeout.
func (v *receiver) read() (byte, []byte, error) {
	v.r.mu.Lock()
	waits := !v.got || !v.tail()
	v.r.mu.Unlock()
	if waits {
		defer v.deadline()()
	}
	return wire.ReadFrame(v.in, max(v.r.cfg.Limits.maxRecord(), maxList))
}

// atEnd judges an end of the stream between two frames.
func (v *receiver) atEnd() error {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	if (v.done && v.peerDone) || (v.tail() && v.got) {
		return errEnd
	}
	return fmt.Errorf("the other side left: %w", io.ErrUnexpectedEOF)
}

func (v *receiver) handle(ctx context.Context, kind byte, payload []byte) error {
	switch kind {
	case wire.KindError:
		return wire.ReadError(payload)
	case kindUpdate:
		u, err := parseUpdate(payload)
		if err != nil {
			return err
		}
		return v.update(ctx, u)
	case kindCommit:
		full, err := parseSources(payload)
		if err != nil {
			return err
		}
		return v.commit(full)
	case kindWant:
		wanted, err := parseSources(payload)
		if err != nil {
			return err
		}
		return v.want(wanted)
	case kindDone:
		v.r.mu.Lock()
		v.peerDone = true
		v.r.mu.Unlock()
		v.poke()
		return nil
	}
	return nil // of a later minor version
}

// want notes what the other side needs in full. It may ask again once that was
// sent.
func (v *receiver) want(sources []Source) error {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	if !v.sends() || len(v.asked) > 0 {
		return fmt.Errorf("%w: a want out of turn", wire.ErrBadRequest)
	}
	v.asked = sources
	v.poke()
	return nil
}

// update looks at one update, and stages it until the commit.
func (v *receiver) update(ctx context.Context, u Update) error {
	if !v.takes() {
		return fmt.Errorf("%w: an update where none is taken", wire.ErrBadRequest)
	}
	if v.skips(u) {
		return nil
	}
	err := v.r.admit(ctx, u, true)
	switch {
	case errors.Is(err, errUntold):
		return err
	case err != nil:
		return v.refuse(u, err)
	}
	if v.r.staged.Add(int64(u.size())) > int64(v.r.cfg.Limits.Bytes) {
		v.r.staged.Add(-int64(u.size()))
		return fmt.Errorf("%w: %d bytes are under way", wire.ErrBusy, v.r.cfg.Limits.Bytes)
	}
	v.batch.add(u)
	return nil
}

// skips reports whether an update need not be looked at: known, or of a source
// whose updates are not taken now.
func (v *receiver) skips(u Update) bool {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	v.has[u.Source] = max(v.has[u.Source], u.Seq)
	if v.bad[u.Source] {
		return true
	}
	if until, barred := v.barred[u.Source]; barred && (until.IsZero() || v.r.cfg.Now().Before(until)) {
		v.bad[u.Source] = true
		return true
	}
	s := v.r.sources[u.Source]
	if u.Seq <= v.batch.last(u.Source) || (s != nil && u.Seq <= s.seq && !v.awaited[u.Source]) {
		v.r.tell(Event{Kind: Stale, Update: u})
		return true
	}
	return false
}

// refuse leaves an update, and with it all of its source in this batch: order is
// kept. What will not get better is not asked for again on this stream.
func (v *receiver) refuse(u Update, err error) error {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	v.bad[u.Source] = true
	if err := v.bar(u.Source); err != nil {
		return err
	}
	if errors.Is(err, errForged) {
		v.r.tell(Event{Kind: Unverified, Update: u})
		if v.forged++; v.forged >= maxForged {
			return fmt.Errorf("%w: %d updates", wire.ErrBadSignature, v.forged)
		}
		return nil
	}
	v.r.refused(u, err)
	if errors.Is(err, ErrSkew) {
		v.barred[u.Source] = u.Time.Time().Add(-MaxSkew)
	}
	return nil
}

// bar leaves a source for the rest of the stream. One that brings ever new ones of
// which nothing is taken would have us remember them all.
func (v *receiver) bar(source Source) error {
	if _, already := v.barred[source]; !already && len(v.barred) >= maxClock {
		return fmt.Errorf("%w: more than %d sources of which nothing is taken", wire.ErrTooBig, maxClock)
	}
	v.barred[source] = time.Time{}
	return nil
}

// commit takes in what came since the last one; full are the sources of which that
// is everything.
func (v *receiver) commit(full []Source) error {
	defer v.reset()
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	full = slices.DeleteFunc(full, func(s Source) bool { return !v.awaited[s] })
	for source := range v.bad {
		v.r.staged.Add(-int64(v.batch.drop(source)))
	}
	out, err := v.r.takeIn(v.batch, full)
	if err != nil {
		return err
	}
	for _, source := range full {
		delete(v.awaited, source)
	}
	for source := range out.refused {
		if err := v.bar(source); err != nil {
			return err
		}
	}
	for _, source := range out.holes {
		if slices.Contains(full, source) {
			v.r.tell(Event{Kind: Omitted, Update: Update{Source: source}})
			return fmt.Errorf("%w: of %v", ErrOmission, source)
		}
		if !v.awaited[source] {
			v.ask = append(v.ask, source)
		}
	}
	v.got = true
	v.poke()
	return nil
}
