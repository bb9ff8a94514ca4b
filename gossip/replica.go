package gossip

import (
	"bytes"
	"cmp"
	"slices"
)

// replica is what is held of one member's state: of one life, a prefix of its
// history, in which a key has only its latest entry. Whatever is at or before
// max and not here was replaced, or deleted at or before gc.
type replica struct {
	head    signedHead // the zero value while nothing is known
	gc, max uint64
	entries map[string]*signedEntry
	weight  int  // of the entries
	proven  bool // all that the head speaks of is here
}

func (r *replica) incarnation() uint64 { return r.head.Incarnation }

// after returns the entries that are newer than a version, oldest first.
func (r *replica) after(version uint64) []*signedEntry {
	if version >= r.max {
		return nil
	}
	var newer []*signedEntry
	for _, e := range r.entries {
		if e.Version > version {
			newer = append(newer, e)
		}
	}
	slices.SortFunc(newer, func(a, b *signedEntry) int { return cmp.Compare(a.Version, b.Version) })
	return newer
}

// put keeps an entry in place of the older one of its key.
func (r *replica) put(e *signedEntry) {
	if r.entries == nil {
		r.entries = map[string]*signedEntry{}
	}
	if old := r.entries[e.Key]; old != nil {
		r.weight -= old.weight()
	}
	r.entries[e.Key] = e
	r.weight += e.weight()
	r.max = max(r.max, e.Version)
}

// fits reports whether an entry would keep the state within its bounds.
func (r *replica) fits(e *signedEntry) bool {
	weight, keys := r.weight+e.weight(), len(r.entries)
	if old := r.entries[e.Key]; old != nil {
		weight -= old.weight()
	} else {
		keys++
	}
	return weight <= maxState && keys <= maxKeys
}

// forget drops the deletions up to a version.
func (r *replica) forget(gc uint64) {
	r.gc = max(r.gc, gc)
	for key, e := range r.entries {
		if e.Deleted && e.Version <= r.gc {
			r.weight -= e.weight()
			delete(r.entries, key)
		}
	}
}

// clear empties the state; the head stays.
func (r *replica) clear() {
	r.gc, r.max, r.entries, r.weight, r.proven = 0, 0, nil, 0, false
}

// prove holds the state against the root of its head. If all is there, what
// lies between it and the head's version was replaced or forgotten.
func (r *replica) prove() {
	r.proven = r.max <= r.head.Max && bytes.Equal(root(r.entries), r.head.Root)
	if r.proven {
		r.max = r.head.Max
	}
}

// verdict is what is to be done with a delta.
type verdict uint8

const (
	reject verdict = 1
	apply  verdict = 2
	renew  verdict = 3 // clear, then apply
)

// judge says what to do with a delta that begins after version from and ends
// at version top, its owner having forgotten deletions up to gc, when the
// state held is at (heldGC, heldMax). Applied to anything else than what it
// begins with it would leave a gap, or a key that was deleted long ago.
func judge(heldGC, heldMax, from, gc, top uint64) verdict {
	switch {
	case from == 0 && gc > heldMax && gc > heldGC:
		return renew
	case from > heldMax || top <= heldMax:
		return reject
	case gc > heldGC && gc > heldMax:
		return reject
	}
	return apply
}

// start returns the version from which a delta must begin for somebody who is
// at (gc, max).
func (r *replica) start(gc, max uint64) uint64 {
	if r.gc > gc && r.gc > max {
		return 0
	}
	return max
}
