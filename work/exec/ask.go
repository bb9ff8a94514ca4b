package exec

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ask sends a line and returns the answer, which has the same id and one of the
// types in want; each, which may be nil, sees all lines before it. An error
// line is returned as a [Failure]; after any other error the worker is dead.
func (w *worker) ask(ctx context.Context, m message, each func(incoming) error, want ...string) (message, error) {
	stop := context.AfterFunc(ctx, w.kill)
	defer stop()
	if m.Type != typeHello {
		w.lastID++
		m.ID = w.lastID
	}
	line, err := appendMessage(nil, m)
	if err != nil {
		return message{}, err
	}
	if _, err := w.in.Write(line); err != nil {
		return message{}, w.death(ctx)
	}
	for {
		next, err := w.receive(ctx)
		if err == nil && each != nil {
			err = each(next)
		}
		if err != nil {
			w.kill()
			<-w.ended // with its folder
			return message{}, err
		}
		switch {
		case next.Type == typeLog:
			w.tail.say(next.Message)
		case next.Type == typeError && (next.ID == m.ID || next.ID == 0):
			return message{}, w.failure(next.message)
		case next.ID == m.ID && slices.Contains(want, next.Type):
			return next.message, nil
		}
	}
}

// receive returns the next line. One that is none is told to the worker, and
// the third is its end.
func (w *worker) receive(ctx context.Context) (incoming, error) {
	for next := range w.lines {
		if next.err == nil {
			return next, nil
		}
		w.logger.Debug("Line of a worker", "err", next.err)
		if w.strikes++; w.strikes == strikes || errors.Is(next.err, errLong) {
			return next, fail(CodeProtocol, "%v", next.err)
		}
		line, err := appendMessage(nil, message{Type: typeError, Code: string(CodeProtocol), Message: clean(next.err.Error())})
		if err != nil {
			return next, err
		}
		if _, err := w.in.Write(line); err != nil {
			break
		}
	}
	return incoming{}, w.death(ctx)
}

// death says why the worker is gone: because ctx ended, or by itself.
func (w *worker) death(ctx context.Context) error {
	w.kill()
	<-w.ended
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if f := w.excess.Load(); f != nil {
		return f
	}
	if f := w.tail.death(); f != nil {
		return f
	}
	return fail(CodeDied, "its process ended: %v", w.cmd.ProcessState)
}

// failure is what an error line says. Only a child of our own binary may use
// the codes that say what the sandbox saw.
func (w *worker) failure(m message) *Failure {
	f := fail(CodeWorker, "%s", m.Message)
	f.Reason, f.Retryable = clean(m.Code), m.Retry
	if w.ours {
		f.Code, f.Reason, f.Fuel = Code(m.Code), clean(m.Reason), m.Fuel
	}
	return f
}

// do has the worker do a unit, whose files are where paths says.
func (w *worker) do(ctx context.Context, u Unit, paths map[string]string) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer w.clock.start(u.Limits.Wall, func() { cancel(fail(CodeWall, "not done after %v", u.Limits.Wall)) })()
	w.tail.tell(u.Log)
	defer w.tail.tell(nil)
	began := time.Now()
	room := u.Limits.Output
	m := message{Type: typeWork, Seq: &u.Seq, Input: u.Input, Files: paths}
	if u.Limits.Fuel == 0 && len(u.Input)+len(u.Checkpoint) <= MaxInput {
		m.Saved = u.Checkpoint
	}
	if w.ours {
		m.Limits = &u.Limits
	}
	answer, err := w.ask(ctx, m, func(next incoming) error {
		switch mine := next.ID == w.lastID; {
		case mine && next.Type == typeSave:
			if u.Save != nil {
				u.Save(next.Data)
			}
			return nil
		case mine && next.Type == typeProgress && u.Progress != nil:
			u.Progress(next.Percent, clean(next.Short))
		}
		if room -= int64(next.size); room < 0 && !w.ours {
			return fail(CodeOutput, "more than %d bytes", u.Limits.Output)
		}
		return nil
	}, typeResult)
	if err != nil {
		return Result{}, err
	}
	return Result{Data: answer.Data, Fuel: answer.Fuel, Wall: time.Since(began)}, nil
}

// answers reports whether the worker answers a ping; if not it is dead.
func (w *worker) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), pingTime)
	defer cancel()
	_, err := w.ask(ctx, message{Type: typePing}, nil, typePong)
	return err == nil
}
