package hive

import (
	"context"
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// Hello asks whether m is admitted. When it is not, and may be, the challenge
// is what it has to solve first, and nil otherwise. Until when it is admitted is in
// Unix milliseconds. It returns [work.ErrRegistrationClosed] to who cannot be.
func (h *Hive) Hello(ctx context.Context, m work.Member) (until int64, challenge *work.Challenge, err error) {
	if err := wellFormed(m); err != nil {
		return 0, nil, err
	}
	until, err = ask(ctx, h, 256, func(t *turn) (int64, error) {
		if t.denied(m.Peer) {
			return 0, work.ErrRegistrationClosed
		}
		var row beeRow
		known := t.get(beeKey(m.Peer), &row) && row.Until > t.now
		listed := slices.Contains(t.cfg.Allow, m.Peer)
		switch {
		case known && string(row.Owner) == string(m.Owner):
			return row.Until, nil
		case known || listed || (t.cfg.Strength < 0 && !t.cfg.Closed):
			return t.register(m), nil
		case t.cfg.Closed:
			return 0, work.ErrRegistrationClosed
		}
		return 0, nil
	})
	if err == nil && until == 0 {
		c := h.doorman.Challenge(m.Peer, uint8(min(h.cfg.Strength, work.MaxStrength)), h.cfg.Now())
		challenge = &c
	}
	return until, challenge, err
}

// Prove admits m for a proof of work. It returns [work.ErrProofOfWork],
// wrapped, when the proof does not count.
func (h *Hive) Prove(ctx context.Context, m work.Member, proof work.Proof) (until int64, err error) {
	if h.denied(m.Peer) || h.cfg.Closed {
		return 0, work.ErrRegistrationClosed
	}
	if err := wellFormed(m); err != nil {
		return 0, err
	}
	if err := h.doorman.Check(m.Peer, proof, h.cfg.Now()); err != nil {
		return 0, err
	}
	return ask(ctx, h, 256, func(t *turn) (int64, error) { return t.register(m), nil })
}

// Register admits m without proof: for bees of the hive's own process.
func (h *Hive) Register(ctx context.Context, m work.Member) error {
	if err := wellFormed(m); err != nil {
		return err
	}
	return h.do(ctx, 256, func(t *turn) error {
		t.register(m)
		return nil
	})
}

// wellFormed returns [work.ErrInvalidKey] unless m can stand in a row.
func wellFormed(m work.Member) error {
	if _, err := peer.IDFromBytes([]byte(m.Peer)); err != nil || len(m.Owner) > ed25519.PublicKeySize {
		return work.ErrInvalidKey
	}
	return nil
}

func (t *turn) register(m work.Member) (until int64) {
	row := beeRow{Since: t.now}
	known := t.get(beeKey(m.Peer), &row) && row.Until > t.now
	row.Until, row.Owner = t.ticketEnd(t.now), m.Owner
	t.keepBee(m.Peer, &row)
	if !known { // else who names another owner each time would push all other events out
		t.note(Event{Kind: BeeRegistered, Bee: m.Peer})
	}
	return row.Until
}

// admitted returns an error unless m may ask for work, and fills in its owner.
func (t *turn) admitted(m *work.Member) error {
	if t.denied(m.Peer) {
		return work.ErrRegistrationClosed
	}
	var row beeRow
	if !t.get(beeKey(m.Peer), &row) || row.Until <= t.now {
		return work.ErrNotVerified
	}
	m.Owner = row.Owner
	return nil
}

// renew prolongs the ticket of a bee that works, once half of it is over.
func (t *turn) renew(m work.Member) {
	var row beeRow
	if t.get(beeKey(m.Peer), &row) && row.Until-t.now < t.cfg.Ticket.Milliseconds()/2 {
		row.Until = t.ticketEnd(t.now)
		t.keepBee(m.Peer, &row)
	}
}

// keepBee writes an admission, which is dropped some time after it has ended, so that those who come
// once do not fill the disk. The clock may be set back meanwhile: hence twice the time.
func (t *turn) keepBee(bee peer.ID, row *beeRow) { t.putFor(beeKey(bee), row, 2*t.cfg.Ticket) }

// denied reports whether a bee may never be here.
func (h *Hive) denied(bee peer.ID) bool { return slices.Contains(h.cfg.Deny, bee) }

func (h *Hive) ticketEnd(now int64) int64 { return now + int64(h.cfg.Ticket/time.Millisecond) }
