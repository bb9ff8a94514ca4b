package keeper

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

const (
	// stale is how old the last check may be before another keeper steps in:
	// two rounds, and clocks that differ.
	stale = 2*interval + shard.ClockSlack
	// ownCheck is how old a keeper's own last check may be before it looks for
	// itself, whatever the others say: one that lies must not lose a file.
	ownCheck = 7 * 24 * time.Hour
)

// myTurn reports whether this keeper works on a file now: unless one is at it,
// or a closer one that lives has checked it lately. What came just now counts
// as checked.
func myTurn(l shard.Locator, self peer.ID, r record, answers map[peer.ID]shard.Turn, now time.Time) bool {
	recent := func(at int64) bool {
		return min(age(now, at), age(now, r.Given)) <= stale
	}
	if min(age(now, r.Own), age(now, r.Given)) > ownCheck {
		return true
	}
	for p, t := range answers {
		if t.Working && recent(r.Checked) {
			return false
		}
		if compareDistance(l, p, self) < 0 && recent(t.Checked) {
			return false
		}
	}
	return true
}

// closest reports whether nobody closer to the file than self has answered.
func closest(l shard.Locator, self peer.ID, answers map[peer.ID]shard.Turn) bool {
	for p := range answers {
		if compareDistance(l, p, self) < 0 {
			return false
		}
	}
	return true
}

// heard takes in what those keepers said that were asked, and returns who is
// given up now. Silence counts only when this node reached anybody: otherwise
// it is the one that is cut off.
func (r *record) heard(self peer.ID, asked []peer.ID, answers map[peer.ID]shard.Turn, reached bool, now time.Time) (gone []peer.ID) {
	for _, p := range asked {
		t, answered := answers[p]
		switch {
		case !answered && reached && r.Members.missed(p, now):
			gone = append(gone, p)
		case answered:
			r.Members.spoke(p)
			r.Members.learn(self, t.Keepers)
			if age(now, t.Checked) < age(now, r.Checked) {
				r.Checked, r.Margin = t.Checked, t.Margin
			}
		}
	}
	return gone
}

// saw notes a check of the file as a whole.
func (r *record) saw(o outcome, now time.Time) {
	if o.checked {
		r.Checked, r.Own, r.Margin, r.Full = now.Unix(), now.Unix(), o.margin, o.full
	}
}

// stuck reports whether the last rounds came to the file and could not check it.
func (r *record) stuck(now time.Time) bool {
	looked := age(now, r.Looked)
	return looked != endless && age(now, r.Checked)-looked > stale
}

// atRisk reports whether half of the losses that the file can stand have come.
func (r *record) atRisk() bool { return r.Margin <= r.Full/2 }

// Turn implements [exchange.Keeper]. Who asks has the repair key; so he who says
// that he is a keeper becomes known as one.
func (k *Keeper) Turn(_ context.Context, from peer.ID, grant shard.Grant, keeps bool) (shard.Turn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.charges[ownerOf(grant)]
	switch {
	case k.tombs.has(ownerOf(grant)):
		return shard.Turn{}, wire.ErrDeleted
	case c == nil || c.grant.Locator != grant.Locator || !c.grant.Repair.Equal(grant.Repair):
		return shard.Turn{}, wire.ErrNotFound
	}
	if keeps {
		c.Members.learn(k.self, []peer.ID{from})
	}
	c.Members.spoke(from)
	return shard.Turn{
		Working: c.working, Checked: c.Checked, Margin: c.Margin,
		Keepers: append([]peer.ID{k.self}, c.Members.in()...),
	}, nil
}
