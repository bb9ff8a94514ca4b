package work

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/libp2p/go-libp2p/core/peer"
)

// GroupState is where a workgroup is in its life. It is stored: append only.
type GroupState uint8

// The states of a group; the last three are final.
const (
	Open       GroupState = 1 // attempts are made, results come in
	Validating GroupState = 2 // the project's own validator is asked
	Valid      GroupState = 3
	Failed     GroupState = 4
	Cancelled  GroupState = 5
)

// String returns the word for the state.
func (s GroupState) String() string {
	return word(s, "open", "validating", "valid", "failed", "cancelled")
}

// AttemptState is where one bee's attempt is. It is stored: append only.
type AttemptState uint8

// The states of an attempt.
const (
	Leased       AttemptState = 1  // given to the bee
	Running      AttemptState = 2  // and the bee has said so
	Submitted    AttemptState = 3  // a result came in time
	Late         AttemptState = 4  // it came after the lease, and counts all the same
	Right        AttemptState = 5  // it agrees with what is believed
	Wrong        AttemptState = 6  // it does not
	Inconclusive AttemptState = 7  // its group agreed on nothing, and it counts no more
	Unchecked    AttemptState = 8  // it was taken without comparison
	Expired      AttemptState = 9  // lease or deadline went by
	Erred        AttemptState = 10 // the program failed in the bee
	Returned     AttemptState = 11 // the bee gave it back
	Rejected     AttemptState = 12 // what came was no result
	NotNeeded    AttemptState = 13 // the group ended without it
)

// String returns the word for the state.
func (s AttemptState) String() string {
	return word(s, "leased", "running", "submitted", "late", "right", "wrong", "inconclusive",
		"unchecked", "expired", "erred", "returned", "rejected", "not needed")
}

func word[S ~uint8](s S, words ...string) string {
	if s == 0 || int(s) > len(words) {
		return "unknown"
	}
	return words[s-1]
}

// Digest names an answer: what is compared.
type Digest [sha256.Size]byte

// DigestOf returns the digest of an output and the fuel that it took.
func DigestOf(output []byte, fuel uint64) Digest {
	h := sha256.New()
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], fuel)
	h.Write(head[:])
	h.Write(output)
	return Digest(h.Sum(nil))
}

// Member is a bee as a hive sees it: who may share a workgroup depends on all
// three.
type Member struct {
	Peer    peer.ID
	Owner   []byte // Ed25519 key of the person, when the bee has proven one; may be nil
	Network []byte // masked prefix of its address; nil when there is none
}

// Attempt is one bee's try at a unit. Times are Unix milliseconds.
type Attempt struct {
	Peer     peer.ID      `cbor:"1,keyasint"`
	Owner    []byte       `cbor:"2,keyasint,omitempty"`
	Network  []byte       `cbor:"3,keyasint,omitempty"`
	State    AttemptState `cbor:"4,keyasint"`
	Begun    int64        `cbor:"5,keyasint"`
	Until    int64        `cbor:"6,keyasint,omitempty"` // the lease ends; 0: there is none
	Latest   int64        `cbor:"7,keyasint"`           // the deadline
	Ended    int64        `cbor:"8,keyasint,omitempty"`
	Digest   Digest       `cbor:"9,keyasint"`
	Fuel     uint64       `cbor:"10,keyasint,omitempty"`
	Progress uint16       `cbor:"11,keyasint,omitempty"` // thousandths
	Text     string       `cbor:"12,keyasint,omitempty"` // why the program failed
}

// Active reports whether a bee is at it.
func (a *Attempt) Active() bool { return a.State == Leased || a.State == Running }

// Counts reports whether the attempt has a result that is to be judged.
func (a *Attempt) Counts() bool { return a.State == Submitted || a.State == Late }

// Group is the workgroup of one unit: the attempts of distinct bees at it.
type Group struct {
	State    GroupState `cbor:"1,keyasint"`
	Priority uint8      `cbor:"2,keyasint,omitempty"`
	Attempts []Attempt  `cbor:"3,keyasint"`
	Reason   string     `cbor:"4,keyasint,omitempty"` // why it failed
	Refused  uint8      `cbor:"5,keyasint,omitempty"` // times that the project's own validator broke
	Extra    uint8      `cbor:"6,keyasint,omitempty"` // attempts wanted besides, for stragglers
}

// Admits reports whether m may join: no group has a peer or an owner twice, or
// more than p.Networks from one network. A peer whose attempt came to nothing
// may take it up again.
func (g *Group) Admits(m Member, p *Policy) bool {
	near := 0
	for i := range g.Attempts {
		a := &g.Attempts[i]
		if a.Peer == m.Peer {
			return a.State == Expired || a.State == Returned
		}
		if len(m.Owner) > 0 && string(a.Owner) == string(m.Owner) {
			return false
		}
		if len(m.Network) > 0 && string(a.Network) == string(m.Network) && a.State != Expired && a.State != Returned {
			near++
		}
	}
	return near < int(p.Networks) && len(g.Attempts) < MaxAttempts
}

// Lease gives the unit to m, which [Group.Admits], and returns the number of its
// attempt.
func (g *Group) Lease(m Member, p *Project, now int64) int {
	n := 0
	for n < len(g.Attempts) && g.Attempts[n].Peer != m.Peer {
		n++
	}
	if n == len(g.Attempts) {
		g.Attempts = append(g.Attempts, Attempt{})
	}
	g.Attempts[n] = Attempt{
		Peer: m.Peer, Owner: m.Owner, Network: m.Network, State: Leased,
		Begun: now, Until: leaseEnd(p, now), Latest: now + p.Deadline.Milliseconds(),
	}
	return n
}

func leaseEnd(p *Project, now int64) int64 {
	if p.Lease <= 0 {
		return 0
	}
	return now + p.Lease.Milliseconds()
}

// Rewind mends the times of attempts after the clock was set back: no lease and no
// deadline may lie further ahead than one that is given now. It reports whether one did.
func (g *Group) Rewind(p *Project, now int64) (changed bool) {
	for i := range g.Attempts {
		a := &g.Attempts[i]
		until, latest := leaseEnd(p, now), now+p.Deadline.Milliseconds()
		if a.Active() && (a.Until > until || a.Latest > latest) {
			a.Begun, a.Until, a.Latest = min(a.Begun, now), min(a.Until, until), min(a.Latest, latest)
			changed = true
		}
	}
	return changed
}

// Renew notes a heartbeat of attempt n. It reports false when the bee may stop.
func (g *Group) Renew(n int, p *Project, progress uint16, now int64) bool {
	a := &g.Attempts[n]
	if !a.Active() && a.State != Expired {
		return false
	}
	a.State, a.Progress, a.Until = Running, min(progress, 1000), leaseEnd(p, now)
	return now < a.Latest
}

// Answer takes the result of attempt n. The same one again changes nothing; another
// one is [ErrResultChanged].
func (g *Group) Answer(n int, digest Digest, fuel uint64, now int64) error {
	a := &g.Attempts[n]
	switch {
	case a.Active():
		a.State = Submitted
	case a.State == Expired || a.State == Returned:
		a.State = Late
	case a.Digest != digest:
		return ErrResultChanged
	default:
		return nil
	}
	a.Digest, a.Fuel, a.Ended, a.Until = digest, fuel, now, 0
	return nil
}

// End notes that attempt n has ended without a result, as state says: Erred,
// Returned or Rejected.
func (g *Group) End(n int, state AttemptState, text string, now int64) {
	a := &g.Attempts[n]
	if a.Active() || a.State == Expired {
		a.State, a.Ended, a.Until = state, now, 0
		a.Text = text[:min(len(text), maxText)]
	}
}

// maxText bounds what is kept of a program's last words, in bytes.
const maxText = 256
