package replica

import (
	"bufio"
	"bytes"
	"context"

	"github.com/batchain/batchain/wire"
)

// parcel is what the sender found to send.
type parcel struct {
	updates []Update
	full    []Source // of which updates has everything
	ask     []Source
	commit  bool
	synced  bool // all that there was at the beginning went both ways
	done    bool // nothing more is needed from the other side
	last    bool // both said so
}

// send is the only one that writes to the stream: the header; once the other side's
// is here, all that it lacks, and a commit; then, again and again, what came anew.
// Nothing is queued for a stream: what there is to send follows from what the other
// side has, so a slow one costs no memory, and skips what was superseded meanwhile.
func (s *stream) send(ctx context.Context) error {
	out := bufio.NewWriterSize(timedWriter{s}, 32<<10)
	if err := wire.WriteMessage(out, kindHeader, s.header()); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	select {
	case <-s.met:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		p, changed := s.pack()
		if err := s.write(out, p); err != nil {
			return err
		}
		if p.synced && s.opts.OnSynced != nil {
			s.opts.OnSynced()
		}
		if p.last {
			return errEnd
		}
		select {
		case <-changed:
		case <-s.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *stream) header() header {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	h := header{
		Version: version, Doc: r.cfg.Doc, Mesh: r.cfg.Mesh, ID: r.self.Peer,
		Direction: s.opts.Direction, Tail: s.opts.Tail, Meta: s.opts.Meta,
	}
	if s.opts.HideClock && s.opts.Direction == RecvOnly {
		return h
	}
	for id, src := range r.sources {
		h.Clock = append(h.Clock, tick{id.Peer, id.Epoch, src.seq, bytes.Clone(src.sum[:checkSize])})
	}
	return h
}

// pack finds what is to be sent now, and returns what to wait on for more.
func (s *stream) pack() (parcel, <-chan struct{}) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	p := parcel{ask: s.ask}
	s.ask = nil
	for _, source := range p.ask {
		s.awaited[source] = true
	}
	if s.sends() {
		s.packUpdates(&p)
	}
	p.commit = !s.sent || len(p.updates)+len(p.full) > 0
	s.sent = true
	even := s.got && len(s.awaited) == 0
	p.synced = even && !s.synced
	p.done = even && !s.done && !s.tail()
	s.synced, s.done = s.synced || p.synced, s.done || p.done
	p.last = s.done && s.peerDone
	if s.tail() {
		return p, s.r.changed
	}
	return p, nil
}

func (s *stream) packUpdates(p *parcel) {
	p.full, s.asked = s.asked, nil
	since := s.has
	if s.sent && !s.tail() {
		since = s.r.known() // later ones are not part of this
	}
	for _, source := range p.full {
		delete(since, source)
	}
	p.updates = s.r.history(since)
	for _, u := range p.updates {
		s.has[u.Source] = max(s.has[u.Source], u.Seq)
	}
}

func (s *stream) write(out *bufio.Writer, p parcel) error {
	for _, u := range p.updates {
		if err := wire.WriteMessage(out, kindUpdate, u.record); err != nil {
			return err
		}
	}
	if p.commit {
		if err := wire.WriteMessage(out, kindCommit, listOf(p.full)); err != nil {
			return err
		}
	}
	if len(p.ask) > 0 {
		if err := wire.WriteMessage(out, kindWant, listOf(p.ask)); err != nil {
			return err
		}
	}
	if p.done {
		if err := wire.WriteFrame(out, kindDone, nil); err != nil {
			return err
		}
	}
	return out.Flush()
}
