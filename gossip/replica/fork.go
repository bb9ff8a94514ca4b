package replica

import "slices"

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
	r.self, r.loaded = newEpoch(r.self.Peer), 0
	if err := r.journal.start(r.start()); err != nil {
		return err
	}
	return r.issue(changes)
}
