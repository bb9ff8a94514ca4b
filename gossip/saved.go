package gossip

import (
	"time"

	"github.com/batchain/batchain/wire"
)

// saved returns the member as a store keeps it. Of the own one only the
// incarnation matters: its values are for its owner to say again.
func (m *member) saved() Saved {
	s := Saved{Peer: m.id, Live: m.state.Alive(), Incarnation: m.incarnation(), Seen: m.lastSign()}
	if m.head.Seq == 0 || len(m.head.Sig) == 0 {
		return s
	}
	head := m.head.Signed
	d := delta{Owner: m.who[:], Head: &head}
	for _, e := range m.after(0) {
		if len(e.Sig) > 0 {
			d.Entries = append(d.Entries, e.Signed)
		}
	}
	if data, err := wire.Marshal(d); err == nil {
		s.Records = data
	}
	return s
}

// restore takes in a member from the store. What does not verify is left out: a
// disk may lie.
func (c *core) restore(now time.Time, s Saved) {
	who, err := identityOf(s.Peer)
	if err != nil || who == c.self.who || len(s.Records) == 0 {
		return
	}
	var d delta
	if wire.Unmarshal(s.Records, &d) != nil || string(d.Owner) != string(who[:]) {
		return
	}
	_ = c.applyDelta(now, s.Peer, d, nil, 0)
	if m := c.members[s.Peer]; m != nil && !s.Seen.IsZero() {
		m.known = earlier(later(s.Seen, now.Add(-c.opt.Grace)), now) // the clock may have been ahead
		if s.Live {
			m.known = now
		}
	}
}
