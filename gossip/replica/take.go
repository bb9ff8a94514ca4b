package replica

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// batch is what a stream has brought and not yet taken in: verified updates,
// ascending for each source. It becomes part of the replica as a whole, so that
// nobody ever sees an update without those that its author knew.
type batch struct {
	of    map[Source][]Update
	bytes int
}

func newBatch() *batch { return &batch{of: map[Source][]Update{}} }

func (b *batch) add(u Update) {
	b.of[u.Source] = append(b.of[u.Source], u)
	b.bytes += u.size()
}

// drop forgets what the batch has of a source, and returns how many bytes that was.
func (b *batch) drop(source Source) (bytes int) {
	for _, u := range b.of[source] {
		bytes += u.size()
	}
	b.bytes -= bytes
	delete(b.of, source)
	return bytes
}

// last is the newest number that the batch has of a source.
func (b *batch) last(s Source) uint64 {
	if updates := b.of[s]; len(updates) > 0 {
		return updates[len(updates)-1].Seq
	}
	return 0
}

// outcome is what became of a batch.
type outcome struct {
	holes   []Source         // what came does not lead to what the source vouches for
	refused map[Source]error // over a limit
}

// takeIn makes a batch part of the replica; full are the sources of which it has
// everything. r.mu is held. An error is one of the disk, and nothing was taken.
func (r *Replica) takeIn(b *batch, full []Source) (outcome, error) {
	out := outcome{refused: map[Source]error{}}
	var updates, journaled []Update
	plans := map[Source]plan{}
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
			updates = append(updates, p.updates...)
			if slices.Contains(full, source) {
				journaled = append(journaled, b.of[source]...)
			} else {
				journaled = append(journaled, p.updates...)
			}
		}
	}
	slices.SortFunc(updates, Update.Compare)
	if err := r.journal.append(journaled, fullOf(plans, full)); err != nil {
		return outcome{}, err
	}
	lost := r.lost(plans[r.self])
	for source, p := range plans {
		for _, seq := range p.forget {
			r.forget(source, seq)
		}
	}
	for _, u := range updates {
		r.take(u)
	}
	if len(updates) > 0 {
		r.announce()
	}
	r.compact()
	return out, r.reissue(lost)
}

func fullOf(plans map[Source]plan, full []Source) []Source {
	return slices.DeleteFunc(slices.Clone(full), func(s Source) bool { _, ok := plans[s]; return !ok })
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

// room is what may still be taken in.
type room struct {
	bytes, sources int
	epochs         func(peer.ID) int
	newcomers      map[peer.ID]int
}

func (r *Replica) room() *room {
	l := r.cfg.Limits
	return &room{
		bytes: l.Bytes - r.bytes, sources: l.Sources - len(r.sources),
		epochs:    func(id peer.ID) int { return l.Epochs - r.epochs[id] },
		newcomers: map[peer.ID]int{},
	}
}

func (m *room) use(source Source, bytes int, newcomer bool) {
	m.bytes -= bytes
	if newcomer {
		m.sources--
		m.newcomers[source.Peer]++
	}
}

func (m *room) forSource(id peer.ID) error {
	if m.sources <= 0 || m.epochs(id) <= m.newcomers[id] {
		return fmt.Errorf("%w: too many sources", wire.ErrFull)
	}
	return nil
}

// sourceFor returns the state of a source; a new one is kept only once something of
// it is taken.
func (r *Replica) sourceFor(id Source, room *room) (*source, error) {
	if s := r.sources[id]; s != nil {
		return s, nil
	}
	return newSource(), room.forSource(id.Peer)
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

// lost returns the changes of this run that a full set of our own updates, as others
// have it, does not hold: our state was an old copy, and we wrote on. What the copy
// itself held and the others do not is superseded.
func (r *Replica) lost(p plan) [][]byte {
	if len(p.forget) == 0 {
		return nil
	}
	var changes [][]byte
	for u := range r.model.History(nil) {
		if u.Source == r.self && u.Seq > r.loaded && slices.Contains(p.forget, u.Seq) {
			changes = append(changes, u.Change)
		}
	}
	r.tell(Event{Kind: Forked, Update: Update{Source: r.self}})
	return changes
}

// reissue writes lost changes once more, under a new epoch: its numbers cannot meet
// old ones.
func (r *Replica) reissue(changes [][]byte) error {
	if len(changes) == 0 {
		return nil
	}
	r.self = newEpoch(r.self.Peer)
	if err := r.journal.start(r.start()); err != nil {
		return err
	}
	return r.issue(changes)
}
