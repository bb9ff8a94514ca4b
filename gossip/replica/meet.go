package replica

import (
	"errors"
	"fmt"
	"io"

	"github.com/batchain/batchain/wire"
)

// meet reads the header.
func (v *receiver) meet() error {
	stop := v.deadline()
	kind, payload, err := wire.ReadFrame(v.in, maxHeader)
	stop()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the other side left: %w", io.ErrUnexpectedEOF)
	}
	if err == nil && kind == wire.KindError {
		err = wire.ReadError(payload)
	}
	if err == nil && kind != kindHeader {
		err = fmt.Errorf("%w: frame of kind %d instead of a header", wire.ErrBadRequest, kind)
	}
	if err != nil {
		return err
	}
	h, err := parseHeader(payload)
	if err != nil {
		return err
	}
	switch cfg := v.r.cfg; {
	case h.Version > version:
		return ErrVersion
	case h.Doc != cfg.Doc || h.Mesh != cfg.Mesh:
		return ErrDocument
	}
	v.greet(h)
	return nil
}

func (v *receiver) greet(h header) {
	v.r.mu.Lock()
	v.peer = h
	for _, t := range h.Clock {
		v.has[t.source()] = t.Seq
		v.compare(t)
	}
	met := Header{ID: h.ID, Direction: h.Direction, Meta: h.Meta}
	if len(h.Clock) > 0 {
		met.Clock = v.has.Clone()
	}
	v.r.mu.Unlock()
	if v.opts.OnHeader != nil {
		v.opts.OnHeader(met)
	}
	close(v.met)
}

// compare looks for another update under a number of which we know one. When it is
// ours, we ask for all that we are said to have written.
func (v *receiver) compare(t tick) {
	s := v.r.sources[t.source()]
	if s == nil || s.seq != t.Seq || len(t.Check) != checkSize || string(t.Check) == string(s.sum[:checkSize]) {
		return
	}
	v.r.tell(Event{Kind: Forked, Update: Update{Source: t.source()}})
	if t.source() == v.r.self && v.takes() {
		v.ask = append(v.ask, t.source())
	}
}
