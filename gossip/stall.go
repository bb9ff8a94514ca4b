package gossip

import "time"

// Silence has two ends. A member that has stood still, or hears nothing from
// anybody at once, is more likely to be what is wrong than all the others
// together, so it takes that for a pause of its own and forgives it to them.
const (
	// stallAfter is the intervals after which a silence of everybody is taken
	// for an own one. In each interval several exchanges are due.
	stallAfter = 2
	// aloneAfter is the intervals after which there is no telling any more: the
	// member says that it is alone, and judges the others by their silence.
	// Longer pauses of the network have become partitions.
	aloneAfter = 6
	// stallPeers is how many must be silent at once: the silence of one is as
	// likely its own.
	stallPeers = 2
)

// stall is what a member knows of its own pauses.
type stall struct {
	woke  time.Time // when this process did anything last; zero: never
	heard time.Time // when anybody was heard last; zero: nobody was
	over  time.Time // until then what was held up in a stall may come in
	alone bool      // nobody has been heard for long, and that was told
}

// resume takes from everybody's silence the time for which this process did not
// run: it could hear nobody.
func (c *core) resume(now time.Time) {
	gap := now.Sub(c.stall.woke)
	if !c.stall.woke.IsZero() && gap > c.intervals(stallAfter) {
		for _, m := range c.members {
			m.forgive(now, gap)
		}
		if !c.stall.heard.IsZero() {
			c.stall.heard = earlier(c.stall.heard.Add(gap), now)
		}
	}
	c.stall.woke = now
}

// hear notes that somebody was heard. If nobody was for long, that was a stall
// of this member's network. It is forgiven to each of the others until it has
// amounted to aloneAfter intervals without a sign of that one: so a bad link to
// one member does not keep another alive.
func (c *core) hear(now time.Time) {
	gap := now.Sub(c.stall.heard)
	if !c.stall.heard.IsZero() && gap > c.opt.Interval {
		c.stall.over = now.Add(c.opt.Interval / 4)
	}
	if !c.stall.heard.IsZero() && gap > c.intervals(stallAfter) && c.living() >= stallPeers {
		for _, m := range c.members {
			by := min(gap, c.intervals(aloneAfter)-m.forgiven)
			m.forgiven += by
			m.forgive(now, by)
		}
	}
	c.stall.heard, c.stall.alone = now, false
}

// stalled reports whether nothing has come from anybody just now, or what was
// held up is still coming in, so that there is nothing to judge anybody by; and
// says when it is no more, since that has lasted too long.
func (c *core) stalled(now time.Time) bool {
	silence := now.Sub(c.stall.heard)
	switch {
	case c.stall.heard.IsZero() || silence <= c.opt.Interval/2 && !now.Before(c.stall.over):
		return false
	case silence < c.intervals(aloneAfter):
		return c.living() >= stallPeers
	case !c.stall.alone:
		c.stall.alone = true
		c.tell(Event{Kind: KindAlone, Peer: c.self.id, Incarnation: c.self.incarnation()})
	}
	return false
}

// living is how many others live.
func (c *core) living() (n int) {
	for _, m := range c.members {
		if m != c.self && m.state.Alive() {
			n++
		}
	}
	return n
}

func (c *core) intervals(n int) time.Duration { return time.Duration(n) * c.opt.Interval }

// forgive takes from a member's silence what was not its own.
func (m *member) forgive(now time.Time, by time.Duration) {
	m.detector.shift(now, by)
	m.known = earlier(m.known.Add(by), now)
	if m.state == Suspect {
		m.since = earlier(m.since.Add(by), now)
	}
}
