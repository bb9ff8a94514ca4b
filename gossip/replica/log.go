package replica

import (
	"iter"
	"slices"
)

// Log holds updates for a [Model], each with what the model made of it. The zero
// value is empty. It is not safe for concurrent use.
type Log[T any] struct {
	of    map[Source][]Entry[T] // ascending by Seq
	count int
}

// Entry is an update in a [Log].
type Entry[T any] struct {
	Update Update
	Is     T
}

// Add takes in an update. One of the same source and number is replaced.
func (l *Log[T]) Add(u Update, is T) {
	if l.of == nil {
		l.of = map[Source][]Entry[T]{}
	}
	entries := l.of[u.Source]
	at, found := search(entries, u.Seq)
	if found {
		entries[at] = Entry[T]{u, is}
		return
	}
	l.of[u.Source] = slices.Insert(entries, at, Entry[T]{u, is})
	l.count++
}

// Remove drops an update and returns what it was; false when there is none.
func (l *Log[T]) Remove(source Source, seq uint64) (Entry[T], bool) {
	entries := l.of[source]
	at, found := search(entries, seq)
	if !found {
		return Entry[T]{}, false
	}
	e := entries[at]
	if entries = slices.Delete(entries, at, at+1); len(entries) == 0 {
		delete(l.of, source)
	} else {
		l.of[source] = entries
	}
	l.count--
	return e, true
}

// Get returns an update; false when it is not held.
func (l *Log[T]) Get(source Source, seq uint64) (Entry[T], bool) {
	entries := l.of[source]
	at, found := search(entries, seq)
	if !found {
		return Entry[T]{}, false
	}
	return entries[at], true
}

// Len is how many updates are held.
func (l *Log[T]) Len() int { return l.count }

// Oldest returns what is to be dropped so that of u's source only the newest keep
// are left, u among them if it brings a change: for [Pruner].
func (l *Log[T]) Oldest(u Update, keep int) []uint64 {
	own := l.of[u.Source]
	surplus := len(own) - keep
	if len(u.Change) > 0 {
		surplus++
	}
	var seqs []uint64
	for _, e := range own[:min(max(0, surplus), len(own))] {
		seqs = append(seqs, e.Update.Seq)
	}
	return seqs
}

// By returns the updates of one source, ascending by number. The slice is the
// log's own, and good until the log changes.
func (l *Log[T]) By(source Source) []Entry[T] { return l.of[source] }

// Since returns the updates that since does not cover, in the order of
// [Update.Compare].
func (l *Log[T]) Since(since Clock) []Entry[T] {
	var found []Entry[T]
	for source, entries := range l.of {
		at, _ := search(entries, since[source]+1)
		found = append(found, entries[at:]...)
	}
	slices.SortFunc(found, func(a, b Entry[T]) int { return a.Update.Compare(b.Update) })
	return found
}

// History is [Log.Since] as [Model] wants it. What it yields is settled when it
// returns.
func (l *Log[T]) History(since Clock) iter.Seq[Update] {
	entries := l.Since(since)
	return func(yield func(Update) bool) {
		for _, e := range entries {
			if !yield(e.Update) {
				return
			}
		}
	}
}

func search[T any](entries []Entry[T], seq uint64) (int, bool) {
	return slices.BinarySearchFunc(entries, seq, func(e Entry[T], seq uint64) int {
		switch {
		case e.Update.Seq < seq:
			return -1
		case e.Update.Seq > seq:
			return 1
		}
		return 0
	})
}
