package exec

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	osexec "os/exec"
	"slices"
	"sync"
	"time"
)

const (
	readyTime = 30 * time.Second // from the start of a process to its ready
	graceTime = 10 * time.Second // from stop to being killed
	pingTime  = 5 * time.Second  // from ping to being killed
	strikes   = 3                // lines that are none, until a worker is killed
)

// start is how a worker is started.
type start struct {
	patience time.Duration   // until it is ready; 0: 30 s
	ours     bool            // it is our own binary: its error codes are ours, and it counts output itself
	greeting json.RawMessage // the context in hello
	box      *box            // its folder, removed when it has ended; nil: none
	log      func(string)    // see [tail]; may be nil
	logger   *slog.Logger
}

// worker is a process that speaks the line protocol, seen from the side that
// started it. It has one question at a time: ask, do and close are for one
// goroutine.
type worker struct {
	start
	cmd   *osexec.Cmd
	in    io.WriteCloser
	out   io.Closer
	lines chan incoming
	gone  chan struct{} // closed by kill and close: nobody reads lines any more
	once  sync.Once     // for gone
	ended chan struct{} // closed when the process was waited for
	tail  tail
	clock clock

	lastID  uint64
	strikes int
}

// incoming is one line of a worker.
type incoming struct {
	message
	size int
	err  error // why it is none
}

// startWorker starts a process and greets it. It returns when the worker is
// ready; the worker does not end with ctx.
func startWorker(ctx context.Context, cmd *osexec.Cmd, s start) (*worker, error) {
	s.patience = cmp.Or(s.patience, readyTime)
	w := &worker{
		start: s, cmd: cmd,
		lines: make(chan incoming, 16), gone: make(chan struct{}), ended: make(chan struct{}),
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.in, w.out = in, out
	w.tail.tell(s.log)
	cmd.Stderr = &w.tail
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go w.read(out)
	ctx, cancel := context.WithTimeoutCause(ctx, s.patience, fail(CodeProtocol, "not ready after %v", s.patience))
	defer cancel()
	if _, err := w.ask(ctx, message{Type: typeHello, Proto: Version, Context: s.greeting}, nil, typeReady); err != nil {
		w.kill()
		<-w.ended
		return nil, err
	}
	return w, nil
}

// read passes the worker's lines on until it ends, and clears up after it.
func (w *worker) read(out io.Reader) {
	defer close(w.ended)
	defer close(w.lines)
	lines := newLineReader(out)
	for {
		line, err := lines.next()
		if err != nil && !errors.Is(err, errLong) {
			break
		}
		next := incoming{size: len(line) + 1, err: err}
		if err == nil {
			next.message, next.err = parseMessage(line)
		}
		select {
		case w.lines <- next:
		case <-w.gone:
		}
		if err != nil {
			break
		}
	}
	if err := w.cmd.Wait(); err != nil {
		w.logger.Debug("Worker ended", "pid", w.cmd.Process.Pid, "err", err)
	}
	if w.box != nil {
		if err := w.box.remove(); err != nil {
			w.logger.Warn("Folder of a worker", "err", err)
		}
	}
}

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
	if w.ours {
		m.Limits = &u.Limits
	}
	answer, err := w.ask(ctx, m, func(next incoming) error {
		if room -= int64(next.size); room < 0 && !w.ours {
			return fail(CodeOutput, "more than %d bytes", u.Limits.Output)
		}
		if next.Type == typeProgress && next.ID == w.lastID && u.Progress != nil {
			u.Progress(next.Percent, clean(next.Short))
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

// kill ends the process at once; any goroutine may. In the sandbox it cannot
// have started another one.
func (w *worker) kill() {
	w.once.Do(func() { close(w.gone) })
	_ = w.cmd.Process.Kill() // it may have ended already
	_ = w.out.Close()        // whoever inherited the other end writes to nobody
}

// close asks the worker to stop, kills it after a grace, and waits.
func (w *worker) close() {
	timer := time.AfterFunc(graceTime, w.kill)
	defer timer.Stop()
	w.once.Do(func() { close(w.gone) })
	if line, err := appendMessage(nil, message{Type: typeStop}); err == nil {
		_, _ = w.in.Write(line) // it may have ended already
	}
	_ = w.in.Close() // an end that asks as well
	<-w.ended
}

// alive reports whether the process runs still.
func (w *worker) alive() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}
