package replica

import (
	"fmt"
	"slices"

	"github.com/batchain/batchain/wire"
)

// Local makes changes of this replica's own, in order. When it returns they are in
// the model, on disk where the replica was opened from a file, and on their way.
// A change that the model refuses ([ErrRefused]) or that is too big
// ([wire.ErrTooBig]) leaves all undone; when signing or the disk fails, or limits
// are met ([wire.ErrFull]), those before it stay.
func (r *Replica) Local(changes ...[]byte) error {
	for _, change := range changes {
		if len(change) == 0 {
			return fmt.Errorf("%w: it is empty", ErrRefused)
		}
		if len(change) > r.cfg.Limits.Change {
			return fmt.Errorf("%w: %d bytes in one change, at most %d are taken", wire.ErrTooBig, len(change), r.cfg.Limits.Change)
		}
		if err := r.model.Check(change); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.issue(changes)
}

// Collect drops this replica's own updates that nobody needs any more, such as old
// tombstones, and returns how many. Models drop most of them along with changes;
// who makes none for long may call it now and then. Each replica tidies up only
// after itself.
func (r *Replica) Collect() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for dropped := 0; ; {
		drops := r.obsolete(Update{Source: r.self, Time: At(r.cfg.Now())})
		if len(drops) == 0 || len(drops) == r.ownIdle() {
			return dropped, nil
		}
		if err := r.issue([][]byte{nil}); err != nil {
			return dropped, err
		}
		dropped += len(drops)
	}
}

// ownIdle is how many updates of this replica only drop.
func (r *Replica) ownIdle() int { return len(r.idle.By(r.self)) }

// issue makes updates of changes. r.mu is held.
func (r *Replica) issue(changes [][]byte) error {
	if r.closed {
		return ErrClosed
	}
	var issued error
	for _, change := range changes {
		if issued = r.issueOne(change); issued != nil {
			break
		}
	}
	if err := r.journal.sync(); err != nil {
		for s := range r.streams { // nobody may get what we could issue otherwise after a crash
			s.cancel(err)
		}
		return err
	}
	r.announce()
	r.compact()
	return issued
}

func (r *Replica) issueOne(change []byte) error {
	room := r.room()
	s, err := r.sourceFor(r.self, room)
	if err != nil {
		return err
	}
	u := Update{Source: r.self, Seq: s.seq + 1, Time: r.clock.next(r.cfg.Now()), Change: change}
	u.Drops = r.obsolete(u)
	if err := r.sign(&u, s); err != nil {
		return err
	}
	p, err := s.plan([]Update{u}, false, r.cfg.Limits)
	if err != nil {
		return err
	}
	if p.bytes > room.bytes {
		return fmt.Errorf("%w: there is room for %d bytes", wire.ErrFull, room.bytes)
	}
	if err := r.journal.append(p.updates, nil); err != nil {
		return err
	}
	r.wrote = true
	r.take(u)
	return nil
}

// obsolete returns what an update of our own can drop, at most [maxDrops].
func (r *Replica) obsolete(u Update) []uint64 {
	var drops []uint64
	for _, e := range r.idle.By(r.self) {
		drops = append(drops, e.Update.Seq)
	}
	drops = append(drops, obsolete(r.model, u)...)
	s := r.sources[r.self]
	if s == nil {
		return nil
	}
	drops = slices.DeleteFunc(drops, func(seq uint64) bool { return s.held[seq] == held{} })
	slices.Sort(drops)
	drops = slices.Compact(drops)
	return drops[:min(len(drops), maxDrops)]
}

// sign completes an update with what its source vouches for after it.
func (r *Replica) sign(u *Update, s *source) error {
	set := s.set
	for _, seq := range u.Drops {
		set.remove(s.held[seq].sum)
	}
	root := set.root()
	b := body{Peer: u.Source.Peer, Epoch: u.Source.Epoch, Seq: u.Seq, Time: u.Time, Root: root[:], Change: u.Change, Drops: u.Drops}
	data, err := wire.Marshal(b)
	if err != nil {
		return fmt.Errorf("sign update: %w", err)
	}
	sig, err := r.cfg.Signer.Sign(r.cfg.domain().Covered(data))
	if err != nil {
		return fmt.Errorf("sign update: %w", err)
	}
	u.record = wire.Signed{Body: data, Sig: sig}
	u.fill(b)
	return nil
}
