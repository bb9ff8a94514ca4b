package catalogue

import "time"

// take merges slots, lets prune drop what is too old, and says which slots are
// older than others tell.
func (s *state) take(slots []pageSlot, self uint32, now time.Time, prune func(*state)) (stale []Stale) {
	type key struct {
		page   uint32
		writer uint32
	}
	best := map[key]uint64{}
	for _, x := range slots {
		s.merge(x.pageBlob, now)
		if x.writer == self {
			s.Seq = max(s.Seq, x.seq)
		}
		at := key{x.Page, x.writer}
		best[at] = max(best[at], x.seq)
	}
	for _, x := range slots {
		if int(x.Page) >= len(s.Pages) {
			continue // nothing here reaches so far
		}
		p := &s.Pages[x.Page]
		p.meet(seen{x.writer, x.seq, now.Unix()})
		for _, other := range x.Seen {
			p.meet(other)
		}
	}
	prune(s)
	met := map[uint32]bool{}
	for _, x := range slots {
		met[x.Page] = true
	}
	for number := range s.Pages {
		for _, x := range s.Pages[number].Seen {
			if got := best[key{uint32(number), x.Writer}]; met[uint32(number)] && got < x.Seq {
				stale = append(stale, Stale{Page: number, Writer: x.Writer, Seq: got, Expected: x.Seq})
			}
		}
	}
	return stale
}
