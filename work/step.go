package work

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Answer is a result as it is judged.
type Answer struct {
	Peer   peer.ID
	Digest Digest
	Trust  float64 // probability that the peer is right; Credible only
	Output []byte  // where the rule reads it, see [Look]
}

// Look is what [Step] has to know of the world.
type Look struct {
	Now    int64                        // Unix milliseconds
	Trust  func(peer.ID) float64        // see [Reputation.Trust]
	Output func(Digest) ([]byte, error) // of an answer that came in

	// Of bees that Credible does not believe by all of its threshold: how many have to
	// agree, two at least, and whether that waits, since more bees are coming.
	Votes int
	Hold  bool
}

// Decision is what [Step] found.
type Decision struct {
	Need    int       // attempts to hand out now
	Next    int64     // when to step again, at the latest; 0: when something happens
	Ask     bool      // the project's own validator is to be asked
	Sure    bool      // Credible believes it by all of its threshold, not only because two bees agree
	Digest  Digest    // of the answer that is believed, when the group is Valid
	Output  []byte    // that was computed from the answers; nil: look for Digest
	Passed  []peer.ID // survived a comparison
	Taken   []peer.ID // were believed without one
	Caught  []peer.ID // were wrong
	Expired []peer.ID // let their lease or deadline go by
}

// Step decides what becomes of a group: which attempts have expired, whether
// what has come in can be believed, and how many attempts are wanted. It
// changes g and nothing else, looks at no clock, and may be called at any time:
// without anything new it changes nothing. The error is Look's.
func Step(p *Policy, g *Group, look Look) (Decision, error) {
	var d Decision
	if g.State != Open {
		return d, nil
	}
	g.expire(look.Now, &d)
	answers, of, err := g.answers(p, look)
	if err != nil {
		return d, err
	}
	v, err := p.judge(answers, &look)
	switch {
	case err != nil: // what came is nothing the rule can judge
		g.Reason = err.Error()
		v = verdict{void: true, more: v.more}
		fallthrough
	case v.void:
		for _, n := range of {
			g.Attempts[n].State = Inconclusive
		}
	case v.ask:
		g.State, d.Ask = Validating, true
		return d, nil
	case v.believed:
		g.conclude(p, v, of, look.Now, &d)
		return d, nil
	}
	g.wants(p, v.more, &d)
	return d, nil
}

// expire ends the attempts whose time is over, and finds the next such moment.
func (g *Group) expire(now int64, d *Decision) {
	for i := range g.Attempts {
		a := &g.Attempts[i]
		if !a.Active() {
			continue
		}
		end := a.Latest
		if a.Until != 0 {
			end = min(end, a.Until)
		}
		if end <= now {
			a.State, a.Ended, a.Until = Expired, now, 0
			d.Expired = append(d.Expired, a.Peer)
		} else if d.Next == 0 || end < d.Next {
			d.Next = end
		}
	}
}

// answers returns what is to be judged, and the numbers of the attempts.
func (g *Group) answers(p *Policy, look Look) (answers []Answer, of []int, err error) {
	for i := range g.Attempts {
		a := &g.Attempts[i]
		if !a.Counts() {
			continue
		}
		answer := Answer{Peer: a.Peer, Digest: a.Digest}
		if p.Rule == Credible {
			answer.Trust = look.Trust(a.Peer)
		}
		if p.readsOutputs() {
			if answer.Output, err = look.Output(a.Digest); err != nil {
				return nil, nil, err
			}
		}
		answers, of = append(answers, answer), append(of, i)
	}
	return answers, of, nil
}

// conclude ends a group whose answer is believed. Who gave another one is
// caught, in groups before that agreed on nothing, too.
func (g *Group) conclude(p *Policy, v verdict, of []int, now int64, d *Decision) {
	g.State, g.Reason = Valid, ""
	d.Digest, d.Output, d.Sure = v.digest, v.output, v.sure
	compared := len(of) > 1 || p.Rule == Custom
	for k, n := range of {
		a := &g.Attempts[n]
		switch v.marks[k] {
		case Right:
			if compared {
				d.Passed = append(d.Passed, a.Peer)
			} else {
				d.Taken = append(d.Taken, a.Peer)
			}
		case Wrong:
			d.Caught = append(d.Caught, a.Peer)
		default:
			d.Taken = append(d.Taken, a.Peer)
		}
		a.State = v.marks[k]
	}
	for i := range g.Attempts {
		a := &g.Attempts[i]
		switch {
		case a.State == Inconclusive && p.Rule == Equal && a.Digest == v.digest:
			a.State = Right
			d.Passed = append(d.Passed, a.Peer)
		case a.State == Inconclusive && p.Rule == Equal:
			a.State = Wrong
			d.Caught = append(d.Caught, a.Peer)
		case a.Active():
			a.State, a.Ended, a.Until = NotNeeded, now, 0
		case a.Counts(): // came while the others were judged
			a.State = NotNeeded
		}
	}
}

// wants finds how many attempts to hand out, or that there is no hope.
func (g *Group) wants(p *Policy, more int, d *Decision) {
	active, used, erred := 0, 0, 0
	text := ""
	for i := range g.Attempts {
		switch a := &g.Attempts[i]; {
		case a.Active():
			active++
			used++
		case a.State == Erred:
			erred++
			used++
			text = a.Text
		case a.State != Returned:
			used++
		}
	}
	switch {
	case erred >= int(p.Errors):
		g.fail(fmt.Sprintf("the program failed in %d bees: %s", erred, text), d)
	case used >= int(p.Attempts) && active == 0:
		reason := fmt.Sprintf("no agreement after %d attempts", used)
		if g.Reason != "" {
			reason += ": " + g.Reason
		}
		g.fail(reason, d)
	default:
		d.Need = max(0, min(more+int(g.Extra)-active, int(p.Attempts)-used))
	}
}

func (g *Group) fail(reason string, d *Decision) {
	g.State, g.Reason, d.Next = Failed, reason, 0
	for i := range g.Attempts {
		if a := &g.Attempts[i]; a.Active() {
			a.State = NotNeeded
		}
	}
}

// Judge ends the validation of a group as the project's own validator said of
// the attempts whose numbers are in of. An error of the validator counts against
// it, and a third one fails the unit.
func Judge(p *Policy, g *Group, of []int, j Judgement, broken error, now int64) Decision {
	var d Decision
	if g.State != Validating {
		return d
	}
	g.State = Open
	v := verdict{believed: true, digest: DigestOf(j.Output, 0), output: j.Output, marks: make([]AttemptState, len(of))}
	for k := range v.marks {
		v.marks[k] = Right
	}
	for _, k := range j.Wrong {
		if k < 0 || k >= len(of) {
			broken = fmt.Errorf("the validator speaks of answer %d of %d", k, len(of))
			break
		}
		v.marks[k] = Wrong
	}
	if len(j.Output) > MaxOutput {
		broken = fmt.Errorf("the validator made %d bytes, at most %d are allowed", len(j.Output), MaxOutput)
	}
	switch {
	case broken != nil:
		if g.Refused++; g.Refused >= maxRefused {
			g.fail(broken.Error(), &d)
		}
	case j.Valid:
		if v.output == nil {
			v.output = []byte{}
		}
		g.conclude(p, v, of, now, &d)
	default:
		for _, n := range of {
			g.Attempts[n].State = Inconclusive
		}
	}
	return d
}

// maxRefused is how often a validator may break on one group.
const maxRefused = 3
