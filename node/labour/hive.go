package labour

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work/dispatch"
	"github.com/batchain/batchain/work/hive"
)

// project is one of the hive's, and what keeps it going.
type project struct {
	spec
	dir string

	// guarded by Labour.mu
	trouble string    // why its part here does not go on; "" when it does
	since   time.Time // when it was first looked at …
	ended   uint64    // … and how many units had ended
}

// openHive opens the hive, tells it all projects and serves them.
func (l *Labour) openHive(ctx context.Context, group *errgroup.Group) error {
	if l.current() != nil {
		return nil
	}
	h, err := hive.Open(hive.Config{
		Dir: l.hiveDir(), Self: l.cfg.Host.ID(), Closed: l.cfg.Closed, Allow: l.cfg.Allow, Deny: l.cfg.Deny, Strength: l.cfg.Proof, Logger: l.log.With("part", "hive"), Registerer: l.cfg.Registerer,
	})
	if err != nil {
		return err
	}
	group.Go(func() error { return h.Run(ctx) })
	if !l.cfg.Client {
		server := dispatch.NewServer(dispatch.ServerConfig{
			Host: l.cfg.Host, Mesh: l.cfg.Mesh, Hive: h, Modules: h.Modules(), Logger: l.log.With("part", "dispatch"),
		})
		group.Go(func() error { return server.Run(ctx) })
	}
	l.mu.Lock()
	l.hive = h
	l.mu.Unlock()
	found, err := l.loadProjects()
	if err != nil {
		return err
	}
	for _, p := range found {
		if err := l.begin(ctx, h, group, p); err != nil { // the others go on
			l.log.Error("project is not taken up", "project", p.Project.Name, "err", err)
		}
	}
	return nil
}

// begin tells the hive a project, which it may know, and does its owner's part.
func (l *Labour) begin(ctx context.Context, h *hive.Hive, group *errgroup.Group, p *project) error {
	if l.hasBegun(p.Project.Name) {
		return nil
	}
	if err := h.Create(ctx, p.Project); err != nil {
		return err
	}
	l.mu.Lock()
	l.projects[p.Project.Name] = p
	l.mu.Unlock()
	if !l.cfg.Client {
		group.Go(func() error { l.serve(ctx, h, p); return nil })
	}
	return nil
}

func (l *Labour) hasBegun(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.projects[name] != nil
}

// How long a project's part rests after an error, at first and at most.
const (
	firstRest = time.Second
	lastRest  = time.Minute
)

// serve does the owner's part of a project until the project or ctx ends. A
// program of the owner's that breaks is started again, ever later.
func (l *Labour) serve(ctx context.Context, h *hive.Hive, p *project) {
	for rest := firstRest; ; rest = min(lastRest, 2*rest) {
		err := l.serveOnce(ctx, h, p)
		if ctx.Err() != nil || errors.Is(err, hive.ErrStopped) {
			return
		}
		l.setTrouble(p, err)
		if err == nil {
			return
		}
		l.log.Warn("project does not go on", "project", p.Project.Name, "err", err)
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (l *Labour) serveOnce(ctx context.Context, h *hive.Hive, p *project) error {
	s, err := h.Show(ctx, p.Project.Name)
	if err != nil {
		return err
	}
	if s.State <= hive.Paused || p.Feed.Kind == feedSource || p.Feed.stored() {
		if err := l.serveHandlers(ctx, h, p); err != nil {
			return err
		}
	}
	if p.Publish {
		return l.publish(ctx, h, p)
	}
	return nil
}

// serveHandlers does what the project's own programs, files and stores are for.
func (l *Labour) serveHandlers(ctx context.Context, h *hive.Hive, p *project) error {
	handlers, done, err := p.handlers(ctx, l.log)
	if err != nil {
		return err
	}
	defer done()
	v, end, err := p.validator(l.cfg.Dir, l.log)
	if err != nil {
		return err
	}
	if v != nil {
		handlers.Validator = v
	}
	if p.Feed.stored() {
		err = l.serveStore(ctx, h, p, handlers)
	} else {
		err = h.Serve(ctx, p.Project.Name, handlers)
	}
	return errors.Join(err, end())
}

func (l *Labour) setTrouble(p *project, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.trouble = ""
	if err != nil {
		p.trouble = err.Error()
	}
}

// Offer returns how many units of this hive wait for bees.
func (l *Labour) Offer(ctx context.Context) uint64 {
	h := l.current()
	if h == nil {
		return 0
	}
	all, err := h.Projects(ctx)
	if err != nil {
		return 0
	}
	var n uint64
	for _, s := range all {
		if s.State == hive.Running {
			n += s.Made - s.Valid - s.Failed - s.Cancelled
		}
	}
	return n
}
