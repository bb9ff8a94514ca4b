package hive

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// retry is how long a bee waits that got nothing, about.
const retry = 5 * time.Second

// Request gives m tasks, at most as many as it wishes, or none and when to ask
// again. It waits for work as long as the wish says. It returns
// [work.ErrNotVerified] or [work.ErrRegistrationClosed] to a bee that is not
// admitted, and [work.ErrPendingWork] to one that has all that it may have.
// The tasks are on the disk as the bee's when it returns.
func (h *Hive) Request(ctx context.Context, m work.Member, wish work.Wish) (work.Batch, error) {
	wait := time.NewTimer(min(wish.Wait, work.MaxWait))
	defer wait.Stop()
	wish.Slots = min(wish.Slots, work.MaxTasks)
	call := h.calls.enter(m.Peer)
	defer h.calls.leave(m.Peer, call)
	for {
		changed, called := h.work.wait(), call.wait()
		batch, err := ask(ctx, h, 1024, func(t *turn) (work.Batch, error) {
			if ctx.Err() != nil { // nobody would hear of the tasks
				return work.Batch{}, context.Cause(ctx)
			}
			return t.request(m, &wish)
		})
		if err != nil || len(batch.Tasks) > 0 || wish.Wait <= 0 {
			return batch, err
		}
		select {
		case <-changed:
		case <-called:
		case <-wait.C:
			return batch, nil
		case <-h.done:
			return batch, ErrStopped
		case <-ctx.Done():
			return batch, context.Cause(ctx)
		}
	}
}

// handout is one request as it is answered.
type handout struct {
	*turn
	bee    work.Member
	wish   *work.Wish
	batch  work.Batch
	places map[*project]uint16 // in batch.Programs
	bytes  int
	shared map[peer.ID]int // groups that the bee is at together with each other bee, see mixes
	held   bool            // there is a unit that it may have once it has answered some
}

func (t *turn) request(m work.Member, wish *work.Wish) (work.Batch, error) {
	if err := t.admitted(&m); err != nil {
		return work.Batch{}, err
	}
	if err := t.expire(); err != nil {
		return work.Batch{}, err
	}
	o := &handout{turn: t, bee: m, wish: wish, places: map[*project]uint16{}}
	if wish.Resume {
		o.resume()
	}
	choices, full := o.choices()
	for len(o.batch.Tasks) < int(wish.Slots) && o.bytes < maxBatchBytes && t.err == nil {
		c := leastServed(choices)
		if c == nil {
			break
		}
		if !o.next(c.project) {
			c.room, c.idle = 0, true
			continue
		}
		c.room--
		forfeit(choices, c.project.pass)
		c.project.pass += c.project.pace.mean() / float64(c.project.row.Project.Weight)
	}
	if len(o.batch.Tasks) == 0 {
		if full || o.held {
			return work.Batch{}, work.ErrPendingWork
		}
		o.batch.Retry = retry/2 + rand.N(retry)
	}
	t.metrics.tasks.Add(float64(len(o.batch.Tasks)))
	return o.batch, nil
}

// choice is a project that may have something for the bee.
type choice struct {
	project *project
	room    int  // tasks of it that the bee may still get now
	idle    bool // it had none when it was its turn
}

// choices finds the projects whose program the bee runs, and how many more of
// their tasks it may get now. Full means that nothing but that stands in the way.
func (o *handout) choices() (choices []*choice, full bool) {
	have := map[*project]int{}
	for g := range o.members[o.bee.Peer] {
		for i := range g.Attempts {
			if a := &g.Attempts[i]; a.Peer == o.bee.Peer && a.Active() {
				have[g.project]++
			}
		}
	}
	for _, p := range o.Hive.projects {
		if p.row.State != Running || !o.gives(p) {
			continue
		}
		if p.row.Project.Policy.Rule == work.Custom && o.validator(p.row.Project.Name) == nil {
			continue // nobody could judge what comes
		}
		r := o.reputation(p, o.bee.Peer)
		if o.now < r.Exiled {
			continue
		}
		o.crowd(p).see(o.bee.Peer, o.now)
		have[p] += o.checking(p)
		switch room := min(int(r.Quota), o.portion(p)) - have[p]; {
		case room > 0:
			choices = append(choices, &choice{project: p, room: room})
		case have[p] >= int(r.Quota) || o.left(p) > 0:
			full = true
		}
	}
	return choices, full && len(choices) == 0
}

// gives reports whether the bee runs the program and its owner gives what a unit may use, and
// has the project told when not.
func (o *handout) gives(p *project) bool {
	program := &p.row.Project.Program
	lack := o.wish.Lacks(program)
	if !o.wish.Runs(program) {
		lack = "a unit needs the command " + program.Name
		if program.Kind == work.WASM {
			lack = "a unit is a module"
		}
	}
	switch _, known := p.declined[o.bee.Peer]; {
	case lack == "":
		delete(p.declined, o.bee.Peer)
	case known || len(p.declined) < maxDeclined:
		p.declined[o.bee.Peer] = lack
	}
	return lack == ""
}

// leastServed returns the project that has had least of the bees for its
// weight.
func leastServed(choices []*choice) *choice {
	var least *choice
	for _, c := range choices {
		if c.room > 0 && (least == nil || c.project.pass < least.project.pass) {
			least = c
		}
	}
	return least
}

// forfeit takes their turn from projects that had nothing for the bee: what they did not use
// while there was nothing to do is nothing that others owe them later.
func forfeit(choices []*choice, pass float64) {
	for _, c := range choices {
		if c.idle {
			c.project.pass = max(c.project.pass, pass)
		}
	}
}

// next adds one task of p, and reports false when p has none for this bee. In
// this order: spot checks by lot, units that wait for another bee, units that
// nobody has begun, copies of what takes too long.
func (o *handout) next(p *project) bool {
	g, fresh := o.needing(p), o.begins(p)
	begins := fresh && o.seen(p)
	if (g != nil || begins) && o.lot(p) && o.check(p) {
		return true
	}
	switch {
	case g != nil:
	case begins:
		q, ok := o.fresh(p)
		if !ok {
			return false
		}
		g = &group{Group: work.Group{State: work.Open, Priority: q.unit.Priority}, project: p, seq: q.seq, place: -1}
		p.open[q.seq] = g
		return o.give(g, q.unit)
	case !fresh:
		g = o.straggling(p)
	}
	if g == nil {
		return false
	}
	u, ok := o.unit(g)
	return ok && o.give(g, u)
}

// begins reports whether the bee may have a unit that nobody has begun, if it has begun few enough.
func (o *handout) begins(p *project) bool {
	if (o.bee.Peer == o.cfg.Self && !p.row.Project.Policy.Own) || len(p.open) >= maxOpen {
		return false
	}
	for priority := range p.lanes {
		if o.first(p, priority) != nil {
			return true
		}
	}
	return false
}

// needing returns an open group that wants this bee. Where there are very many
// that do not, it begins somewhere else each time.
func (o *handout) needing(p *project) *group {
	young := o.young(p)
	from := 0
	if len(p.needy) > maxLook {
		from = rand.IntN(len(p.needy))
	}
	for k := range min(len(p.needy), maxLook) {
		name := p.needy[(from+k)%len(p.needy)]
		g := p.open[name.seq]
		switch {
		case young && !o.welcome(g), !o.mayJoin(g):
		case young && !o.mixes(g):
			o.held = true
		default:
			return g
		}
	}
	return nil
}

func (o *handout) mayJoin(g *group) bool {
	policy := &g.project.row.Project.Policy
	return (policy.Own || o.bee.Peer != o.cfg.Self) && g.Admits(o.bee, policy) && !o.gaveBack(g)
}

// gaveBack reports whether the bee gave the unit of g back not long ago, and there are others. A spot
// check never comes again, so no other task may.
func (o *handout) gaveBack(g *group) bool {
	if o.crowd(g.project).size() <= 2 {
		return false
	}
	return slices.ContainsFunc(g.Attempts, func(a work.Attempt) bool {
		return a.Peer == o.bee.Peer && a.State == work.Returned && o.now-a.Ended < presence
	})
}

// straggling returns a group whose only bee takes much longer than others did,
// once nothing else is left to give. Where chance chooses, it may be somebody else who gets it.
func (o *handout) straggling(p *project) *group {
	slow, invited := p.pace.slow(), o.young(p) && o.chooses(p)
	looked := 0
	for _, g := range p.open {
		if looked++; looked > maxLook {
			break
		}
		if g.State != work.Open || g.Extra > 0 || !o.mayJoin(g) {
			continue
		}
		for i := range g.Attempts {
			if a := &g.Attempts[i]; a.Active() && o.now-a.Begun > slow {
				g.Extra = 1
				if invited {
					o.settle(g)
					break
				}
				return g
			}
		}
	}
	if invited {
		return o.needing(p)
	}
	return nil
}

// give makes the unit of g the bee's.
func (o *handout) give(g *group, u work.Unit) bool {
	p := g.project
	n := g.Lease(o.bee, &p.row.Project, o.now)
	o.join(o.bee.Peer, g)
	o.share(g)
	o.groups[g], g.invited, g.until, g.crowd = true, "", 0, o.crowd(p).size()
	p.row.Begun++
	o.projects[p] = true
	o.settle(g)
	o.task(p, o.token(p.id, g.seq, uint8(n), o.bee.Peer), u.Input)
	return true
}

// task adds a task to the batch.
func (o *handout) task(p *project, token work.Token, input []byte) {
	place, ok := o.places[p]
	if !ok {
		place = uint16(len(o.batch.Programs))
		o.places[p] = place
		o.batch.Programs = append(o.batch.Programs, p.row.Project.Program)
		o.bytes += len(p.row.Project.Program.Context) + 128*len(p.row.Project.Program.Files)
	}
	o.bytes += len(input) + 128
	o.batch.Tasks = append(o.batch.Tasks, work.Task{
		Token: token, Program: place, Input: input,
		Lease: max(0, p.row.Project.Lease), Limit: p.row.Project.Deadline,
	})
}
