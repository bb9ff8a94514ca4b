package hive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/work"
)

// question asks a project's own validator about one group. The unit and the outputs are on
// the disk until it is asked: bees may be faster than a validator by far.
type question struct {
	project string
	id      uint32
	seq     uint64
	unit    []byte        // key of its row
	of      []int         // numbers of the attempts that are judged
	answers []work.Answer // without their outputs
}

// bench is where the validators sit, and what waits for them.
type bench struct {
	mu      sync.Mutex
	seats   map[string]work.Validator // of projects that are served; may be nil
	waiting []question
	news    signal
}

// seat makes v the validator of a project, while its Serve runs.
func (h *Hive) seat(name string, v work.Validator) error {
	h.bench.mu.Lock()
	defer h.bench.mu.Unlock()
	if _, taken := h.bench.seats[name]; taken {
		return fmt.Errorf("project %s is served already", name)
	}
	h.bench.seats[name] = v
	return nil
}

func (h *Hive) unseat(name string) {
	h.bench.mu.Lock()
	defer h.bench.mu.Unlock()
	delete(h.bench.seats, name)
}

// validator returns that of a project, nil when nobody serves it.
func (h *Hive) validator(name string) work.Validator {
	h.bench.mu.Lock()
	defer h.bench.mu.Unlock()
	return h.bench.seats[name]
}

// judgeAgain looks at all groups of a project whose validator has come.
func (h *Hive) judgeAgain(ctx context.Context, name string) error {
	return h.do(ctx, maxBatchBytes, func(t *turn) error {
		p, err := t.named(name)
		if err != nil {
			return err
		}
		for _, g := range p.open {
			t.settle(g)
		}
		t.after = append(t.after, t.work.raise)
		return nil
	})
}

// question puts a group that is complete before its validator.
func (t *turn) question(g *group) {
	p := g.project
	q := question{project: p.row.Project.Name, id: p.id, seq: g.seq, unit: unitKey(p.id, g.Priority, g.seq)}
	for i := range g.Attempts {
		if a := &g.Attempts[i]; a.Counts() {
			q.of = append(q.of, i)
			q.answers = append(q.answers, work.Answer{Peer: a.Peer, Digest: a.Digest})
		}
	}
	t.after = append(t.after, func() {
		h := t.Hive
		h.bench.mu.Lock()
		h.bench.waiting = append(h.bench.waiting, q)
		h.bench.mu.Unlock()
		h.bench.news.raise()
	})
}

// judge answers questions until ctx ends.
func (h *Hive) judge(ctx context.Context) {
	for ctx.Err() == nil {
		changed := h.bench.news.wait()
		q, ok := h.bench.take()
		if !ok {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		verdict, err := h.validate(ctx, q)
		if ctx.Err() != nil {
			return
		}
		if err := h.do(ctx, maxBatchBytes, func(t *turn) error { return t.judged(q, verdict, err) }); err != nil {
			h.log.WarnContext(ctx, "verdict is lost", "project", q.project, "unit", q.seq, "err", err)
		}
	}
}

func (b *bench) take() (question, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return question{}, false
	}
	q := b.waiting[0]
	b.waiting[0] = question{}
	b.waiting = b.waiting[1:]
	return q, true
}

// errNobody means that no validator could be asked just now.
var errNobody = errors.New("nobody can judge")

// validate runs a validator. One that panics, or does not return in time, could not judge.
func (h *Hive) validate(ctx context.Context, q question) (work.Judgement, error) {
	v := h.validator(q.project)
	if v == nil {
		return work.Judgement{}, errNobody
	}
	unit, answers, err := h.read(q)
	if err != nil {
		h.log.WarnContext(ctx, "answers cannot be read", "project", q.project, "unit", q.seq, "err", err)
		return work.Judgement{}, errNobody
	}
	return inTime(ctx, h.cfg.JudgeTimeout, "validator", func(ctx context.Context) (work.Judgement, error) {
		return v.Judge(ctx, unit, answers)
	})
}

// read fetches what a question is about. It finds nothing of a group that has ended
// meanwhile, as by a cancel.
func (h *Hive) read(q question) (unit work.Unit, answers []work.Answer, err error) {
	answers = slices.Clone(q.answers)
	err = h.view(func(txn *badger.Txn) error {
		found, err := getRow(txn, q.unit, &unit)
		for i := 0; err == nil && found && i < len(answers); i++ {
			found, err = getRow(txn, outputKey(q.id, q.seq, answers[i].Digest), &answers[i].Output)
		}
		if err == nil && !found {
			err = work.ErrDatabaseNotFound
		}
		return err
	})
	return unit, answers, err
}

// inTime calls what the owner wrote. A panic of it is an error, and so is that it did not
// return in time; then it is left behind. Who names it, for people.
func inTime[T any](ctx context.Context, limit time.Duration, who string, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the %s did not answer in %v", who, limit))
	defer cancel()
	type outcome struct {
		made T
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.err = fmt.Errorf("the %s panicked: %v", who, p)
			}
			done <- o
		}()
		o.made, o.err = call(ctx)
	}()
	select {
	case o := <-done:
		return o.made, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// judged ends a validation.
func (t *turn) judged(q question, verdict work.Judgement, broken error) error {
	p := t.Hive.projects[q.id]
	if p == nil || p.open[q.seq] == nil || p.open[q.seq].State != work.Validating {
		return nil
	}
	g := p.open[q.seq]
	t.groups[g] = true
	if broken == errNobody {
		g.State = work.Open // it is asked again when somebody serves the project
		return nil
	}
	d := work.Judge(&p.row.Project.Policy, &g.Group, q.of, verdict, broken, t.now)
	t.carryOut(g, d)
	if g.State == work.Open {
		t.settle(g)
	}
	return nil
}
