package gossip

import (
	"slices"
)

// portion is what one owner gets of a message.
type portion struct {
	gap
	left  []*signedEntry // what would still be sent, oldest first
	delta delta
	began bool
}

// budget is what still fits into a message.
type budget struct{ records, bytes int }

func (b *budget) take(records, size int) bool {
	if b.records < records || b.bytes < size {
		return false
	}
	b.records -= records
	b.bytes -= size
	return true
}

const recordOverhead = 80 // bytes of a record beside its body: signature and framing

// deltas writes what fills gaps within the budget of a message, and returns
// whose states it wrote of. Half of the budget goes round all owners, one entry
// each, so that none waits for another; the rest to those with most to tell.
// Of each owner the oldest entries come first and none is left out: what
// follows a gap could never be completed.
func (c *core) deltas(gaps []gap) ([]delta, []*member) {
	portions := c.portions(gaps)
	half := budget{(c.opt.MaxDeltas + 1) / 2, c.opt.MaxBytes / 2}
	rest := budget{c.opt.MaxDeltas - half.records, c.opt.MaxBytes - half.bytes}
	for more := true; more; {
		more = false
		for _, p := range portions {
			more = p.next(&half) && len(p.left) > 0 || more
		}
	}
	rest.records += half.records
	rest.bytes += half.bytes
	slices.SortStableFunc(portions, func(a, b *portion) int { return len(b.left) - len(a.left) })
	for _, p := range portions {
		for p.next(&rest) && len(p.left) > 0 {
		}
	}
	var deltas []delta
	var wrote []*member
	for _, p := range portions {
		if p.began {
			deltas = append(deltas, p.delta)
			wrote = append(wrote, p.m)
		}
	}
	return deltas, wrote
}

// portions returns what each owner would send, in the order of breadth: self,
// then those that the other does not know at all, then the rest by chance.
func (c *core) portions(gaps []gap) []*portion {
	portions := make([]*portion, 0, len(gaps))
	for _, g := range gaps {
		if g.m.head.Seq == 0 {
			continue
		}
		head := g.m.head.Signed
		portions = append(portions, &portion{
			gap: g, left: g.m.after(g.from),
			delta: delta{Owner: g.m.who[:], From: g.from, Head: &head},
		})
	}
	slices.SortFunc(portions, func(a, b *portion) int { return byIdentity(a.m, b.m) })
	c.rand.Shuffle(len(portions), func(i, j int) { portions[i], portions[j] = portions[j], portions[i] })
	rank := func(p *portion) int {
		switch {
		case p.m == c.self:
			return 0
		case p.unknown:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(portions, func(a, b *portion) int { return rank(a) - rank(b) })
	return portions
}

// next writes the head, if it is not written, and one entry; it reports whether
// the budget sufficed.
func (p *portion) next(b *budget) bool {
	if !p.began {
		if !b.take(0, len(p.delta.Head.Body)+len(p.delta.Owner)+recordOverhead) {
			return false
		}
		p.began = true
	}
	if len(p.left) == 0 {
		return true
	}
	e := p.left[0]
	if !b.take(1, len(e.Body)+recordOverhead) {
		return false
	}
	p.delta.Entries = append(p.delta.Entries, e.Signed)
	p.left = p.left[1:]
	return true
}

// size is the bytes of the records in deltas.
func size(deltas []delta) (n int) {
	for _, d := range deltas {
		n += len(d.Head.Body) + len(d.Owner) + recordOverhead
		for _, e := range d.Entries {
			n += len(e.Body) + recordOverhead
		}
	}
	return n
}
