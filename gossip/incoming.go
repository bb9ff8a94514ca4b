package gossip

import (
	"bytes"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// incoming is a delta that is being judged.
type incoming struct {
	who      identity
	from     peer.ID
	since    uint64
	held     *replica // nil: nothing is held of the owner
	heldHead signedHead

	head    signedHead // the one to go by
	newHead bool       // it is not held
	newLife bool       // it is of a later incarnation than is held
	old     bool       // it is of an earlier one
	entries []*signedEntry
	twice   bool // the owner signed two things as one, or took back what it had signed
	proof   *signedEntry
}

// parse reads the records and keeps those that are news.
func (in *incoming) parse(d delta) error {
	in.head = in.heldHead
	came := in.heldHead // the head that the entries came with
	if d.Head != nil {
		h, err := parseHead(*d.Head)
		if err != nil {
			return err
		}
		came = h
		in.choose(h)
	}
	if in.old {
		return nil
	}
	if len(d.Entries) > maxKeys {
		return wire.ErrTooBig.With("%d entries of one member, at most %d are taken", len(d.Entries), maxKeys)
	}
	last := d.From
	for _, s := range d.Entries {
		e, err := parseEntry(s)
		if err != nil {
			return err
		}
		if e.Incarnation != came.Incarnation || e.Version <= last || e.Version > came.Max {
			return wire.ErrBadRequest.With("entries are not those of their head")
		}
		last = e.Version
		if e.Version <= in.head.Max { // else the owner has signed a later head with less
			in.consider(&e)
		}
	}
	return nil
}

// choose decides which head counts.
func (in *incoming) choose(h signedHead) {
	held := in.heldHead
	switch {
	case h.Incarnation < held.Incarnation:
		in.old = true
	case h.Incarnation > held.Incarnation:
		in.head, in.newHead, in.newLife = h, true, held.Incarnation > 0
	case h.Seq > held.Seq && (h.Max < held.Max || h.GC < held.GC):
		in.head, in.newHead, in.twice = h, true, true
	case h.Seq > held.Seq:
		in.head, in.newHead = h, true
	case h.Seq == held.Seq && !bytes.Equal(h.Body, held.Body):
		in.head, in.newHead, in.twice = h, true, true
	}
}

// consider keeps an entry that is news, or that contradicts one that is held.
func (in *incoming) consider(e *signedEntry) {
	if in.held == nil || in.newLife {
		in.entries = append(in.entries, e)
		return
	}
	if e.Version > in.held.max || in.since == 0 && in.head.GC > in.held.max {
		in.entries = append(in.entries, e)
	}
	for _, old := range in.held.entries {
		if old.Version == e.Version && !bytes.Equal(old.Body, e.Body) {
			in.twice, in.proof = true, e
			return
		}
	}
}

// checks is how many signatures verify would check.
func (in *incoming) checks() int { return len(in.entries) + 1 }

// size is the bytes of what is news in it.
func (in *incoming) size() (n int) {
	if in.newHead {
		n = len(in.head.Body) + recordOverhead
	}
	for _, e := range in.entries {
		n += len(e.Body) + recordOverhead
	}
	return n
}

func (in *incoming) verify(verify verifier) error {
	if in.newHead {
		if err := verify(in.who, headKind, in.head.Signed); err != nil {
			return err
		}
	}
	entries := in.entries
	if in.proof != nil {
		entries = append(entries[:len(entries):len(entries)], in.proof)
	}
	for _, e := range entries {
		if err := verify(in.who, entryKind, e.Signed); err != nil {
			return err
		}
	}
	return nil
}
