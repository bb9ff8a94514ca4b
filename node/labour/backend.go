package labour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/hive"
)

// Submit makes a project; see [control.Labour].
func (l *Labour) Submit(ctx context.Context, req control.SubmitRequest, emit func(control.Progress)) (control.Project, error) {
	d, err := readProject(ctx, req.Path, l.cfg.Files)
	if err != nil {
		return control.Project{}, err
	}
	h, err := l.opened(ctx)
	if err != nil {
		return control.Project{}, err
	}
	emit(control.Progress{Phase: "submit", Total: -1})
	for _, b := range d.blobs {
		if _, err := h.Modules().Put(b); err != nil {
			return control.Project{}, workFault(err, d.Project.Name)
		}
	}
	if err := l.make(ctx, d); err != nil {
		return control.Project{}, workFault(err, d.Project.Name)
	}
	l.changed()
	return l.show(ctx, h, d.Project.Name)
}

// make keeps a draft, once, and has Run take it up.
func (l *Labour) make(ctx context.Context, d *draft) error {
	name := d.Project.Name
	dir := filepath.Join(l.projectsDir(), name)
	l.making.Lock()
	defer l.making.Unlock()
	if _, err := os.Stat(dir); err == nil {
		had, err := loadSpec(dir)
		if err == nil && !had.same(&d.spec) {
			err = control.NewError(control.ExitUsage, 34, "this node has a project %s already, with other terms or units", name).
				Because("what bees agree on belongs to one program and its units").Try("give it another name in " + ProjectFile)
		}
		if err != nil {
			return err
		}
	} else if err := d.save(dir); err != nil {
		return err
	}
	if l.hasBegun(name) {
		return nil
	}
	return l.ask(ctx, request{begin: &project{spec: d.spec, dir: dir}})
}

// Projects tells how projects stand; see [control.Labour].
func (l *Labour) Projects(ctx context.Context, req control.ProjectsRequest) (control.ProjectList, error) {
	list := control.ProjectList{Projects: []control.Project{}}
	h, err := l.known(ctx, req.Name)
	if err != nil || h == nil {
		return list, err
	}
	if req.Name != "" {
		p, err := l.show(ctx, h, req.Name)
		list.Projects = append(list.Projects, p)
		return list, err
	}
	all, err := h.Projects(ctx)
	if err != nil {
		return list, err
	}
	for _, s := range all {
		list.Projects = append(list.Projects, l.standing(s))
	}
	return list, nil
}

// known returns the hive; it does not make one for a question that nothing is
// known about. It is nil when all projects are asked for and there are none.
func (l *Labour) known(ctx context.Context, name string) (*hive.Hive, error) {
	if l.current() == nil && !l.hasProjects() {
		if name == "" {
			return nil, nil
		}
		return nil, noProject(name)
	}
	return l.opened(ctx)
}

func (l *Labour) show(ctx context.Context, h *hive.Hive, name string) (control.Project, error) {
	s, err := h.Show(ctx, name)
	if err != nil {
		return control.Project{}, workFault(err, name)
	}
	p := l.standing(s)
	caught, err := h.Caught(ctx, name)
	for _, b := range caught {
		p.Caught = append(p.Caught, b.String())
	}
	return p, err
}

// standing is how a project stands, in the words of the local API.
func (l *Labour) standing(s hive.Status) control.Project {
	p := control.Project{
		Name: s.Project.Name, State: s.State.String(), Program: programText(&s.Project.Program), Rule: ruleName(s.Project.Policy.Rule),
		Total: -1, Made: s.Made, Valid: s.Valid, Failed: s.Failed, Cancelled: s.Cancelled,
		Open: s.Open, Active: s.Active, Waiting: s.Waiting, Bees: s.Bees, Attempts: s.Begun, Checks: s.Checks, EtaS: -1,
	}
	if s.Sealed {
		p.Total = int64(s.Made)
	}
	for _, why := range slices.Sorted(maps.Keys(s.Declined)) {
		p.Declined = append(p.Declined, control.Lack{Bees: s.Declined[why], Why: why})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.projects[p.Name]
	if own == nil {
		return p
	}
	if own.Total >= 0 {
		p.Total = own.Total
	}
	p.Trouble, p.Results = own.trouble, own.published()
	p.EtaS = own.eta(&p)
	return p
}

// eta is how many seconds the rest takes, if it goes on as it did since
// somebody first looked; -1 when that is not known.
func (p *project) eta(now *control.Project) float64 {
	if now.State != hive.Running.String() {
		return -1
	}
	if p.since.IsZero() {
		p.since, p.ended = time.Now(), now.Ended()
		return -1
	}
	done := now.Ended() - p.ended
	if now.Total < 0 || done == 0 {
		return -1
	}
	return time.Since(p.since).Seconds() / float64(done) * float64(uint64(now.Total)-now.Ended())
}

func programText(p *work.Program) string {
	if p.Kind == work.WASM {
		return fmt.Sprintf("module %s %x", p.Name, p.Module[:min(6, len(p.Module))])
	}
	return "command " + p.Name
}

// Steer pauses, resumes or cancels a project; see [control.Labour].
func (l *Labour) Steer(ctx context.Context, req control.SteerRequest) (control.Project, error) {
	h, err := l.known(ctx, req.Name)
	if err != nil {
		return control.Project{}, err
	}
	steer, there := map[string]func(context.Context, string) error{
		control.Pause: h.Pause, control.Resume: h.Resume, control.Cancel: h.Cancel,
	}[req.To]
	if !there {
		return control.Project{}, control.NewError(control.ExitUsage, 35, "a project cannot be told to %q", req.To)
	}
	s, err := h.Show(ctx, req.Name)
	if err != nil {
		return control.Project{}, workFault(err, req.Name)
	}
	if s.State > hive.Paused {
		return l.standing(s), control.NewError(control.ExitUsage, 36, "project %s cannot be told to %s", req.Name, req.To).
			Because("it is %s", s.State)
	}
	if err := steer(ctx, req.Name); err != nil {
		return control.Project{}, workFault(err, req.Name)
	}
	l.changed()
	return l.show(ctx, h, req.Name)
}

// Results passes datachunks on; see [control.Labour].
func (l *Labour) Results(ctx context.Context, req control.ResultsRequest, emit func(control.Datachunk) error) error {
	if req.Name == "" {
		return noProject(req.Name)
	}
	h, err := l.known(ctx, req.Name)
	if err != nil {
		return err
	}
	if req.Follow {
		for c, err := range h.Datachunks(ctx, req.Name, req.From) {
			if err == nil {
				err = emit(chunkOf(c))
			}
			if err != nil {
				return workFault(err, req.Name)
			}
		}
		return nil
	}
	for from := req.From; ; {
		page, err := h.Page(ctx, req.Name, from)
		if errors.Is(err, io.EOF) || err == nil && len(page) == 0 {
			return nil
		}
		if err != nil {
			return workFault(err, req.Name)
		}
		for _, c := range page {
			if err := emit(chunkOf(c)); err != nil {
				return err
			}
			from = c.Seq + 1
		}
	}
}

// chunkOf is a datachunk in the words of the local API. An output that is no JSON
// value is given as a text.
func chunkOf(c work.Datachunk) control.Datachunk {
	d := control.Datachunk{
		Seq: c.Seq, Key: c.Key, State: c.State.String(), Reason: c.Reason, Fuel: c.Fuel, Attempts: int(c.Attempts),
	}
	for _, b := range c.Bees {
		d.Bees = append(d.Bees, b.String())
	}
	if c.State != work.Valid {
		return d
	}
	d.Output = c.Output
	if !json.Valid(d.Output) {
		d.Output, _ = json.Marshal(string(c.Output)) // a text always has a form
	}
	return d
}

func noProject(name string) error {
	return control.NewError(control.ExitNotFound, 32, "this node has no project %s", name).Wrap(work.ErrDatabaseNotFound).Try("batchain work ls")
}

// workFault explains an error of the hive.
func workFault(err error, name string) error {
	switch {
	case errors.As(err, new(*control.Error)):
		return err
	case errors.Is(err, work.ErrDatabaseNotFound):
		return noProject(name)
	case errors.Is(err, wire.ErrFull):
		return control.NewError(control.ExitDiskFull, 3, "the disk is full").Wrap(err).
			Because("a hive writes nothing below its floor of free space").Try("make room and repeat the command")
	case errors.Is(err, wire.ErrQuota):
		return control.NewError(control.ExitDiskFull, 4, "the hive is full").Wrap(err).Because("%v", err)
	}
	return err
}
