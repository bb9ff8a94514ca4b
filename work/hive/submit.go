package hive

import (
	"context"
	"fmt"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// Submit takes results of m and says of each what became of it: nil means that it
// is on the disk. [work.ErrLate] came too late to count, [work.ErrNotAssigned] is
// of a task that m never had, [work.ErrResultChanged] contradicts what m said
// before. The same again changes nothing, so it may be repeated. Whether a
// result is right is not said.
func (h *Hive) Submit(ctx context.Context, m work.Member, results []work.Result) ([]error, error) {
	if len(results) == 0 {
		return nil, work.ErrNoData
	}
	if len(results) > work.MaxTasks {
		return nil, wire.ErrTooBig.With("%d results, at most %d at once", len(results), work.MaxTasks)
	}
	size := 0
	for _, r := range results {
		size += len(r.Output) + unitRow
	}
	return ask(ctx, h, size, func(t *turn) ([]error, error) {
		if err := t.admitted(&m); err != nil {
			return nil, err
		}
		verdicts := make([]error, len(results))
		for i := range results {
			verdicts[i] = t.take(m, &results[i])
		}
		t.renew(m)
		return verdicts, nil
	})
}

// take takes one result.
func (t *turn) take(m work.Member, r *work.Result) error {
	if r.Status < work.Done || r.Status > work.GivenUp {
		return wire.ErrBadRequest.With("status %d of a result", r.Status)
	}
	id, seq, n, ok := t.openToken(r.Token, m.Peer)
	p := t.Hive.projects[id]
	if !ok || p == nil {
		return work.ErrNotAssigned
	}
	if n == checkAttempt {
		return t.takeCheck(p, m, seq, r)
	}
	g := p.open[seq]
	if g == nil {
		return work.ErrLate
	}
	if int(n) >= len(g.Attempts) || g.Attempts[n].Peer != m.Peer {
		return work.ErrNotAssigned
	}
	return t.takeResult(g, int(n), r)
}

func (t *turn) takeResult(g *group, n int, r *work.Result) error {
	p, bee := g.project, g.Attempts[n].Peer
	limit := int(p.row.Project.Program.Limits.Output)
	if limit == 0 {
		limit = work.MaxOutput
	}
	t.groups[g] = true
	switch {
	case r.Status == work.GivenUp:
		g.End(n, work.Returned, "", t.now)
		t.mark(p, bee, (*work.Reputation).GiveBack)
	case r.Status == work.Broken:
		g.End(n, work.Erred, printable(r.Text), t.now)
		t.mark(p, bee, (*work.Reputation).Err)
	case len(r.Output) > limit:
		g.End(n, work.Rejected, "", t.now)
		t.mark(p, bee, (*work.Reputation).Err)
		t.settle(g)
		return wire.ErrTooBig.With("a result of %d bytes, at most %d are allowed", len(r.Output), limit)
	default:
		before := g.Attempts[n].State
		digest := digestOf(p, r)
		if err := g.Answer(n, digest, r.Fuel, t.now); err != nil {
			return err
		}
		if a := &g.Attempts[n]; a.State != before {
			p.pace.note(a.Ended - a.Begun)
			if !g.hasOther(n, digest) {
				t.outputs[outputName{g, digest}] = r.Output
			}
		}
	}
	t.settle(g)
	return nil
}

// hasOther reports whether another attempt brought the same answer before.
func (g *group) hasOther(n int, digest work.Digest) bool {
	for i := range g.Attempts {
		if i != n && g.Attempts[i].Digest == digest {
			return true
		}
	}
	return false
}

func digestOf(p *project, r *work.Result) work.Digest {
	fuel := r.Fuel
	if p.row.Project.Policy.Loose {
		fuel = 0
	}
	return work.DigestOf(r.Output, fuel)
}

// printable keeps what a stranger wrote from playing with a terminal.
func printable(text string) string {
	return (&wire.Error{Message: fmt.Sprintf("%.200q", text)}).Error()
}

// Beat renews the leases of tasks that m is at, and says of each what to do.
// What m does not have it may stop. Nothing is written: after a restart all leases begin anew.
func (h *Hive) Beat(ctx context.Context, m work.Member, beats []work.Beat) ([]work.Order, error) {
	if len(beats) > work.MaxTasks {
		return nil, wire.ErrTooBig.With("%d heartbeats, at most %d at once", len(beats), work.MaxTasks)
	}
	return ask(ctx, h, len(beats)*unitRow, func(t *turn) ([]work.Order, error) {
		if err := t.admitted(&m); err != nil {
			return nil, err
		}
		orders := make([]work.Order, len(beats))
		for i := range beats {
			orders[i] = t.beat(m, &beats[i])
		}
		return orders, nil
	})
}

func (t *turn) beat(m work.Member, b *work.Beat) work.Order {
	id, seq, n, ok := t.openToken(b.Token, m.Peer)
	p := t.Hive.projects[id]
	if !ok || p == nil {
		return work.Stop
	}
	if n == checkAttempt {
		return p.beatCheck(m, seq, t.now)
	}
	g := p.open[seq]
	if g == nil || int(n) >= len(g.Attempts) || g.Attempts[n].Peer != m.Peer {
		return work.Stop
	}
	slow := !g.Attempts[n].Active()
	if !g.Renew(int(n), &p.row.Project, b.Progress, t.now) {
		return work.Stop
	}
	t.crowd(p).hear(m.Peer, t.now)
	if slow { // another bee may have been asked for
		t.groups[g] = true
		t.settle(g)
	}
	if p.row.State == Paused {
		return work.Pause
	}
	return work.GoOn
}
