package validator

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
)

// Command is a validator that is a program of the hive's owner. It is held by no
// sandbox, and started when it is needed. It needs to be closed.
type Command struct {
	source   exec.SourceConfig
	computes bool

	mu     sync.Mutex
	idle   []*exec.Source
	closed bool
}

// NewCommand returns a validator that is a program. With computes it may name
// values that no bee gave.
func NewCommand(source exec.SourceConfig, computes bool) *Command {
	return &Command{source: source, computes: computes}
}

// ErrClosed means that a validator was asked after it was closed.
var ErrClosed = errors.New("the validator is closed")

// Judge implements [work.Validator]. It may be called concurrently.
func (c *Command) Judge(ctx context.Context, u work.Unit, answers []work.Answer) (work.Judgement, error) {
	return Judge(ctx, u, answers, c.computes, c.ask)
}

func (c *Command) ask(ctx context.Context, input json.RawMessage, results []json.RawMessage) (json.RawMessage, error) {
	s, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	value, err := s.Validate(ctx, input, results)
	if err != nil && !errors.Is(err, exec.ErrWorker) { // it said itself that it cannot: it lives
		return nil, errors.Join(err, s.Close())
	}
	return value, errors.Join(err, c.put(s))
}

// take returns a process that waits for a question, or starts one.
func (c *Command) take(ctx context.Context) (*exec.Source, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	if last := len(c.idle) - 1; last >= 0 {
		s := c.idle[last]
		c.idle = c.idle[:last]
		c.mu.Unlock()
		return s, nil
	}
	c.mu.Unlock()
	return exec.StartSource(ctx, c.source)
}

func (c *Command) put(s *exec.Source) error {
	c.mu.Lock()
	if !c.closed {
		c.idle = append(c.idle, s)
		c.mu.Unlock()
		return nil
	}
	c.mu.Unlock()
	return s.Close()
}

// Close ends the processes that wait for a question; one that is at work is
// ended behind it.
func (c *Command) Close() error {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.closed = nil, true
	c.mu.Unlock()
	var errs []error
	for _, s := range idle {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
