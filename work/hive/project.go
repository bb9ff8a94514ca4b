package hive

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// State is what may be done with a project. It is stored: append only.
type State uint8

// The states of a project.
const (
	Running   State = 1
	Paused    State = 2 // no unit is given out; results are taken
	Cancelled State = 3 // for good: what was open ended without result
	Finished  State = 4 // sealed, and every unit has ended
)

// String returns the word for the state.
func (s State) String() string {
	if s < Running || s > Finished {
		return "unknown"
	}
	return [...]string{"running", "paused", "cancelled", "finished"}[s-1]
}

// project is one project in memory.
type project struct {
	id      uint32
	row     projectRow
	program work.ProgramID
	open    map[uint64]*group // begun and not ended
	needy   []needName        // … that want another bee, the most urgent first
	lanes   [work.MaxPriority + 1]lane
	pass    float64 // what the project has had of the bees; who has had least is next
	pace    pace
	quizzes []*quiz
	checks  checks
	// declined are bees whose owners give less than a unit may use, and what that is.
	declined map[peer.ID]string

	lease uint64 // tasks given out since the start: every 16th is for the oldest unit
}

func newProject(id uint32, row projectRow) *project {
	p := &project{
		id: id, row: row, program: row.Project.Program.ID(),
		open: map[uint64]*group{}, checks: newChecks(), declined: map[peer.ID]string{},
	}
	for i := range p.lanes {
		p.lanes[i].more = true
	}
	return p
}

// Create makes a project, whose units come by [Hive.Add] or from a Source. A
// project of that name and the same terms is left as it is; one with other terms
// is an error.
func (h *Hive) Create(ctx context.Context, terms work.Project) error {
	terms = terms.WithDefaults()
	if err := terms.Validate(); err != nil {
		return err
	}
	data, err := wire.Marshal(terms)
	if err != nil {
		return fmt.Errorf("create project %s: %w", terms.Name, err)
	}
	return h.do(ctx, len(data), func(t *turn) error {
		if p, there := t.names[terms.Name]; there {
			if had, err := wire.Marshal(p.row.Project); err != nil || !slices.Equal(had, data) {
				return fmt.Errorf("project %s is there already, with other terms", terms.Name)
			}
			return nil
		}
		if len(t.Hive.projects) >= maxProjects {
			return wire.ErrQuota.With("a hive has at most %d projects", maxProjects)
		}
		p := newProject(t.nextProject, projectRow{Project: terms, State: Running})
		p.pass = t.leastPass()
		t.nextProject++
		t.Hive.projects[p.id], t.names[terms.Name] = p, p
		t.projects[p] = true
		return nil
	})
}

// leastPass is where a project begins that comes to the others.
func (h *Hive) leastPass() float64 {
	least := math.Inf(1)
	for _, p := range h.projects {
		if p.row.State == Running {
			least = min(least, p.pass)
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

// named returns the project of that name, or [work.ErrDatabaseNotFound].
func (h *Hive) named(name string) (*project, error) {
	p, ok := h.names[name]
	if !ok {
		return nil, fmt.Errorf("project %q: %w", name, work.ErrDatabaseNotFound)
	}
	return p, nil
}

// Pause gives out no more units of a project. Bees that are at some are told to
// hold them; results are taken.
func (h *Hive) Pause(ctx context.Context, name string) error {
	return h.turnTo(ctx, name, Paused)
}

// Resume ends a pause.
func (h *Hive) Resume(ctx context.Context, name string) error {
	return h.turnTo(ctx, name, Running)
}

// turnTo switches between Running and Paused.
func (h *Hive) turnTo(ctx context.Context, name string, to State) error {
	return h.do(ctx, 512, func(t *turn) error {
		p, err := t.named(name)
		if err != nil {
			return err
		}
		if p.row.State != Running && p.row.State != Paused {
			return fmt.Errorf("project %s is %s", name, p.row.State)
		}
		if p.row.State == to {
			return nil
		}
		p.row.State, p.pass = to, max(p.pass, t.leastPass())
		t.projects[p] = true
		t.note(Event{Kind: map[State]EventKind{Running: ProjectResumed, Paused: ProjectPaused}[to], Project: name})
		t.after = append(t.after, t.work.raise)
		return nil
	})
}

// Seal says that a project gets no more units. Once all have ended it is
// Finished.
func (h *Hive) Seal(ctx context.Context, name string) error {
	return h.do(ctx, 512, func(t *turn) error {
		p, err := t.named(name)
		if err != nil {
			return err
		}
		if p.row.State != Cancelled && !p.row.Sealed {
			p.row.Sealed = true
			t.projects[p] = true
			t.finish(p)
		}
		return nil
	})
}

// finish ends a project whose last unit has ended.
func (t *turn) finish(p *project) {
	row := &p.row
	if !row.Sealed || row.State > Paused || row.Ended[0]+row.Ended[1]+row.Ended[2] < row.Made {
		return
	}
	row.State = Finished
	t.projects[p] = true
	t.note(Event{Kind: ProjectFinished, Project: row.Project.Name})
	t.after = append(t.after, t.chunks.raise)
}
