package node

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// How many relays a node that cannot be dialled has.
const (
	relaysWanted = 2                // of any kind
	relaysAtMost = relaysWanted + 1 // and one more that has a budget
)

// relayChoice chooses whom a node asks to be its relay: those whose owners gave a
// budget, since others carry no shards to it. As libp2p asks whom it is given in
// any order, others are given only for places that those cannot fill.
//
// Who has a budget is a claim. Who was given and is no relay at the next look has
// refused, or cannot be dialled, and is not given again before relayBackoff is
// over; and as long as one who claimed a budget was such, others are given beside
// those who claim it. So liars, however many, may be asked before the honest and
// cannot take their place by refusing. One that is a relay and carries nothing is
// no worse than any other relay that does so.
type relayChoice struct {
	given map[peer.ID]trial // within relayBackoff
}

type trial struct {
	at       time.Time
	budgeted bool // as it says
}

// choose returns whom to ask now, of those that are known; used are the relays
// that the node has.
func (c *relayChoice) choose(budgeted, others []peer.AddrInfo, used []peer.ID, now time.Time) []peer.AddrInfo {
	missing := max(relaysWanted-len(used), 0)
	carries := slices.ContainsFunc(budgeted, func(i peer.AddrInfo) bool { return slices.Contains(used, i.ID) })
	if missing == 0 && (carries || len(used) >= relaysAtMost) {
		return nil
	}
	refused := c.forget(used, now)
	chosen := head(c.fresh(budgeted, used), relaysAtMost-len(used))
	if !refused {
		missing = max(missing-len(chosen), 0)
	}
	others = head(c.fresh(others, used), missing)
	for _, info := range chosen {
		c.given[info.ID] = trial{now, true}
	}
	for _, info := range others {
		c.given[info.ID] = trial{now, false}
	}
	return append(chosen, others...)
}

// forget drops old trials, and reports whether one that claimed a budget was in
// vain.
func (c *relayChoice) forget(used []peer.ID, now time.Time) (refused bool) {
	for p, t := range c.given {
		if now.Sub(t.at) >= relayBackoff {
			delete(c.given, p)
		} else if t.budgeted && !slices.Contains(used, p) {
			refused = true
		}
	}
	return refused
}

// fresh are those that are no relay of this node's and were not given lately, with
// those first whose address is known, else in no order.
func (c *relayChoice) fresh(infos []peer.AddrInfo, used []peer.ID) []peer.AddrInfo {
	var fresh []peer.AddrInfo
	for _, info := range infos {
		if _, tried := c.given[info.ID]; !tried && !slices.Contains(used, info.ID) {
			fresh = append(fresh, info)
		}
	}
	rand.Shuffle(len(fresh), func(i, j int) { fresh[i], fresh[j] = fresh[j], fresh[i] })
	slices.SortStableFunc(fresh, func(a, b peer.AddrInfo) int { return min(len(b.Addrs), 1) - min(len(a.Addrs), 1) })
	return fresh
}
