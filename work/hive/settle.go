package hive

import (
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// settle lets the pure core decide about a group, and carries that out.
func (t *turn) settle(g *group) {
	p := g.project
	policy := &p.row.Project.Policy
	t.dispute(g)
	votes, hold := t.strangers(g)
	d, err := work.Step(policy, &g.Group, work.Look{
		Now: t.now, Votes: votes, Hold: hold > 0,
		Trust: func(bee peer.ID) float64 {
			return t.trust(p, bee, g)
		},
		Output: func(digest work.Digest) ([]byte, error) { return t.output(g, digest) },
	})
	if err != nil {
		t.fail([]byte{rowOutput}, err)
		return
	}
	if g.State == work.Open && d.Need == 0 {
		d.Next = soonest(d.Next, hold)
	}
	t.carryOut(g, d)
}

// carryOut does what the pure core decided.
func (t *turn) carryOut(g *group, d work.Decision) {
	t.remember(g, d)
	if d.Ask {
		t.question(g)
	}
	switch {
	case g.State > work.Validating:
		t.close(g, d)
		return
	case len(d.Expired) > 0:
		t.groups[g] = true
	}
	for i := range g.Attempts {
		if a := &g.Attempts[i]; a.Counts() || a.State == work.Inconclusive {
			t.keep(g, a.Digest)
		}
	}
	more := d.Need > g.need
	g.want(d.Need)
	t.schedule(g, soonest(d.Next, t.invite(g, more)))
}

// remember tells the reputations what a group found out.
func (t *turn) remember(g *group, d work.Decision) {
	p := g.project
	forGood := p.row.Project.Policy.Rule == work.Credible
	for _, bee := range d.Passed {
		t.mark(p, bee, func(r *work.Reputation) { r.Pass(bee, d.Passed, t.now) })
		t.uneasy[reputationName{p.program, bee}] = true
		t.after = append(t.after, func() { t.calls.raise(bee) }) // its window may have been full
	}
	for _, bee := range d.Taken {
		t.mark(p, bee, (*work.Reputation).Take)
	}
	for _, bee := range d.Caught {
		t.caught(p, bee, forGood)
	}
	for _, bee := range d.Expired {
		t.mark(p, bee, (*work.Reputation).Expire)
	}
}

// caught notes that a bee was wrong.
func (t *turn) caught(p *project, bee peer.ID, forGood bool) {
	t.mark(p, bee, func(r *work.Reputation) { r.Catch(forGood, t.now) })
	t.crowd(p).drop(bee)
	t.uneasy[reputationName{p.program, bee}] = true
	t.metrics.caught.Inc()
	t.note(Event{Kind: BeeCaught, Project: p.row.Project.Name, Bee: bee})
}

// settleUneasy judges again the open groups of bees whose reputation changed:
// with a better one their answers may be believed, with a lost one other bees are
// needed. What is more than a transaction takes is left to the next one.
func (t *turn) settleUneasy() {
	for len(t.uneasy) > 0 {
		for name := range t.uneasy {
			delete(t.uneasy, name)
			for g := range t.members[name.bee] {
				if g.project.program != name.program || g.project.row.Project.Policy.Rule != work.Credible || !t.answered(g, name.bee) {
					continue
				}
				if t.size >= maxBatchBytes {
					t.uneasy[name] = true
					return
				}
				t.settle(g)
			}
		}
	}
}

func (t *turn) answered(g *group, bee peer.ID) bool {
	for i := range g.Attempts {
		if a := &g.Attempts[i]; a.Peer == bee {
			return a.Counts()
		}
	}
	return false
}

// output returns the bytes of an answer: of this turn, or from the disk.
func (t *turn) output(g *group, digest work.Digest) ([]byte, error) {
	if output, ok := t.outputs[outputName{g, digest}]; ok {
		return output, nil
	}
	var output []byte
	found, err := getRow(t.txn, outputKey(g.project.id, g.seq, digest), &output)
	if err == nil && !found {
		err = fmt.Errorf("output of unit %d: %w", g.seq, wire.ErrDamaged)
	}
	return output, err
}

// keep writes an answer that came in this turn to the disk: its group goes on.
func (t *turn) keep(g *group, digest work.Digest) {
	name := outputName{g, digest}
	if output, ok := t.outputs[name]; ok {
		t.put(outputKey(g.project.id, g.seq, digest), output)
		delete(t.outputs, name)
	}
}

// close makes the datachunk of a group that has ended, and removes its rows.
func (t *turn) close(g *group, d work.Decision) {
	p := g.project
	u, ok := t.unit(g)
	if !ok {
		return
	}
	c := work.Datachunk{
		Seq: g.seq, Key: u.Key, State: g.State, Reason: g.Reason,
		Attempts: uint16(len(g.Attempts)), Finished: t.now,
	}
	if g.State == work.Valid {
		c.Output = d.Output
		if d.Output == nil {
			output, err := t.output(g, d.Digest)
			t.fail([]byte{rowOutput}, err)
			c.Output = output
		}
	}
	for i := range g.Attempts {
		if a := &g.Attempts[i]; a.State == work.Right || a.State == work.Unchecked {
			c.Bees = append(c.Bees, a.Peer)
			c.Fuel = a.Fuel
		}
	}
	if len(c.Bees) > 1 && d.Sure {
		t.keepQuiz(p, u, d.Digest, g, c.Bees)
	}
	t.erase(g)
	t.end(p, c)
}

// erase removes a group, its unit and its answers.
func (t *turn) erase(g *group) {
	p := g.project
	t.del(unitKey(p.id, g.Priority, g.seq))
	t.del(seqKey(rowGroup, p.id, g.seq))
	seen := map[work.Digest]bool{}
	for i := range g.Attempts {
		a := &g.Attempts[i]
		name := outputName{g, a.Digest}
		if _, unwritten := t.outputs[name]; a.Digest != (work.Digest{}) && !unwritten && !seen[a.Digest] {
			seen[a.Digest] = true
			t.del(outputKey(p.id, g.seq, a.Digest))
		}
		delete(t.outputs, name)
	}
	g.want(0)
	t.schedule(g, 0)
	disputants := slices.Clone(g.disputants)
	t.undispute(g)
	t.reconcile(p, disputants)
	t.part(g)
	delete(p.open, g.seq)
	delete(t.groups, g)
}

// end writes the datachunk of a unit and counts it.
func (t *turn) end(p *project, c work.Datachunk) {
	t.put(seqKey(rowChunk, p.id, c.Seq), c)
	p.row.Ended[c.State-work.Valid]++
	t.projects[p] = true
	t.metrics.units.WithLabelValues(c.State.String()).Inc()
	kind := map[work.GroupState]EventKind{work.Valid: UnitValid, work.Failed: UnitFailed, work.Cancelled: UnitCancelled}[c.State]
	t.note(Event{Kind: kind, Project: p.row.Project.Name, Seq: c.Seq})
	t.finish(p)
	t.after = append(t.after, t.chunks.raise)
}
