package exec

import (
	"context"
	"errors"
	"slices"
)

// child starts a confined child of our own binary.
func (p *Pool) child(ctx context.Context, c confinement, role string, spec any, s start) (*worker, error) {
	c.Eager = p.config.Eager
	args, err := childArgs(role, spec)
	if err != nil {
		return nil, err
	}
	cmd, err := c.command(args)
	if err != nil {
		return nil, err
	}
	s.ours, s.logger = true, p.config.Logger
	return startWorker(ctx, cmd, s)
}

// startFor starts a worker for a program, in a box of its own.
func (p *Pool) startFor(ctx context.Context, program Program, limits Limits) (*worker, error) {
	b, err := newBox(p.config.Dir)
	if err != nil {
		return nil, err
	}
	w, err := p.startIn(ctx, &b, program, limits)
	if err != nil {
		err = errors.Join(err, b.remove())
	}
	return w, err
}

func (p *Pool) startIn(ctx context.Context, b *box, program Program, limits Limits) (*worker, error) {
	s := start{greeting: program.Context, box: b, logger: p.config.Logger}
	if program.Command == "" {
		dir, ok := p.cache.find(variant{program.Module, limits.Fuel > 0})
		if !ok {
			return nil, ErrNotLoaded
		}
		c := confinement{Read: []string{dir, b.in()}, Memory: limits.Memory + childMemory}
		w, err := p.child(ctx, c, roleGuest, guestSpec{Dir: dir, Files: b.in(), Metered: limits.Fuel > 0}, s)
		if errors.Is(err, ErrModule) || errors.Is(err, ErrDied) {
			// It was compiled, and is not what it was.
			err = errors.Join(ErrNotLoaded, err, p.cache.drop(variant{program.Module, limits.Fuel > 0}))
		}
		return w, err
	}
	i := slices.IndexFunc(p.config.Commands, func(c Command) bool { return c.Name == program.Command })
	if i < 0 {
		return nil, fail(CodeDenied, "no command %q is allowed here", program.Command)
	}
	c, err := p.config.Commands[i].confine(*b, limits)
	if err != nil {
		return nil, err
	}
	c.Eager = p.config.Eager
	cmd, err := c.command(p.config.Commands[i].Argv[1:])
	if err != nil {
		return nil, err
	}
	s.warden = &warden{memory: limits.Memory, folder: b.out()}
	return startWorker(ctx, cmd, s)
}

// childMemory is what a child may use besides the memory of its module.
const childMemory = 1 << 30
