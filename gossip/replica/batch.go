package replica

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
