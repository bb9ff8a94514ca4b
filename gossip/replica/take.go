package replica

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/batchain/batchain/wire"
)

// outcome is what became of a batch.
type outcome struct {
	holes   []Source         // what came does not lead to what the source vouches for
	refused map[Source]error // over a limit
}

// takeIn makes a batch part of the replica; full are the sources of which it has
// everything. r.mu is held. An error is one of the disk, and nothing was taken.
func (r *Replica) takeIn(b *batch, full []Source) (outcome, error) {
	plans, out := r.planAll(b, full)
	var updates, journaled []Update
	var whole []Source
	for source, p := range plans {
		updates = append(updates, p.updates...)
		if slices.Contains(full, source) {
			journaled, whole = append(journaled, b.of[source]...), append(whole, source)
		} else {
			journaled = append(journaled, p.updates...)
		}
	}
	if err := r.journal.append(journaled, whole); err != nil {
		return outcome{}, err
	}
	lost := r.lost(plans[r.self])
	for source, p := range plans {
		for _, seq := range p.forget {
			r.forget(source, seq)
		}
	}
	slices.SortFunc(updates, Update.Compare)
	for _, u := range updates {
		r.take(u)
	}
	if len(updates) > 0 {
		r.announce()
	}
	r.compact()
	return out, r.reissue(lost)
}

// planAll plans a batch, source by source.
func (r *Replica) planAll(b *batch, full []Source) (map[Source]plan, outcome) {
	plans, out := map[Source]plan{}, outcome{refused: map[Source]error{}}
	room := r.room()
	for _, source := range slices.SortedFunc(maps.Keys(b.of), Source.Compare) {
		p, err := r.planFor(source, b.of[source], slices.Contains(full, source), room)
		switch {
		case errors.Is(err, errHole):
			out.holes = append(out.holes, source)
		case err != nil:
			out.refused[source] = err
			r.refused(b.of[source][0], err)
		default:
			room.use(source, p.bytes, r.sources[source] == nil)
			plans[source] = p
		}
	}
	return plans, out
}

// planFor drops from a batch what came by another way meanwhile, and plans the
// rest: nothing, maybe.
func (r *Replica) planFor(source Source, updates []Update, full bool, room *room) (plan, error) {
	s, err := r.sourceFor(source, room)
	if err != nil {
		return plan{}, err
	}
	if !full {
		updates = slices.DeleteFunc(slices.Clone(updates), func(u Update) bool { return u.Seq <= s.seq })
	}
	if len(updates) == 0 || updates[len(updates)-1].Seq < s.seq {
		return plan{}, nil
	}
	if !full && updates[0].Time <= s.time {
		return plan{}, errHole // it follows on something else than what is held
	}
	for i, u := range updates[1:] {
		if u.Time <= updates[i].Time {
			return plan{}, fmt.Errorf("%w: time runs backwards", wire.ErrBadRequest)
		}
	}
	p, err := s.plan(updates, full, r.cfg.Limits)
	if err == nil && p.bytes > room.bytes && p.bytes > 0 {
		err = fmt.Errorf("%w: %d bytes of updates, there is room for %d", wire.ErrFull, p.bytes, room.bytes)
	}
	return p, err
}

// take makes an update part of the replica, and then drops what it supersedes.
func (r *Replica) take(u Update) {
	s := r.sources[u.Source]
	if s == nil {
		s = newSource()
		r.sources[u.Source] = s
		r.epochs[u.Source.Peer]++
	}
	r.clock.see(u.Time)
	s.add(u)
	r.bytes += u.size()
	if len(u.Change) > 0 {
		r.model.Apply(u)
	} else {
		r.idle.Add(u, struct{}{})
	}
	r.tell(Event{Kind: Applied, Update: u})
	for _, seq := range u.Drops {
		r.forget(u.Source, seq)
	}
}

func (r *Replica) forget(source Source, seq uint64) {
	s := r.sources[source]
	size := s.held[seq].size
	if !s.remove(seq) {
		return
	}
	r.bytes -= size
	if _, idle := r.idle.Remove(source, seq); !idle {
		r.model.Forget(source, seq)
	}
	r.tell(Event{Kind: Superseded, Update: Update{Source: source, Seq: seq}})
}

// announce wakes all that wait for something new.
func (r *Replica) announce() {
	close(r.changed)
	r.changed = make(chan struct{})
}
