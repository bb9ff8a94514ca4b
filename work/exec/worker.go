package exec

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	osexec "os/exec"
	"sync"
	"time"
)

const (
	readyTime = 30 * time.Second // from the start of a process to its ready
	graceTime = 10 * time.Second // from stop to being killed
	strikes   = 3                // lines that are none, until a worker is killed
)

// worker is a process that speaks the line protocol, seen from the side that
// started it. One unit at a time: do, ask and close are for one goroutine.
type worker struct {
	cmd    *osexec.Cmd
	ours   bool // our own binary: its error codes are ours, and it counts output itself
	in     io.WriteCloser
	out    io.Closer
	inMu   sync.Mutex // lines go out whole
	lines  chan incoming
	gone   chan struct{} // closed by kill and close: nobody reads lines any more
	goneMu sync.Once
	ended  chan struct{} // closed when the process was waited for
	logger *slog.Logger
	tail   *tail

	used    bool // whether it had a unit
	lastID  uint64
	strikes int
}

// incoming is one line of a worker, or why there are no more.
type incoming struct {
	message
	size int
	err  error
}

// startWorker starts a process and greets it. It returns when the worker is
// ready; the worker does not end with ctx.
func startWorker(ctx context.Context, cmd *osexec.Cmd, ours bool, greeting json.RawMessage, logger *slog.Logger) (*worker, error) {
	w := &worker{
		cmd: cmd, ours: ours, logger: logger, tail: &tail{},
		lines: make(chan incoming, 16), gone: make(chan struct{}), ended: make(chan struct{}),
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	w.in = in
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = out
	cmd.Stderr = w.tail
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go w.read(out)
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, fail(CodeProtocol, "not ready after %v", readyTime))
	defer cancel()
	if err := w.greet(ctx, greeting); err != nil {
		w.kill()
		<-w.ended
		return nil, err
	}
	return w, nil
}

// read passes the worker's lines on until it ends, and waits for its process.
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
}

// greet says hello and waits for ready.
func (w *worker) greet(ctx context.Context, greeting json.RawMessage) error {
	stop := context.AfterFunc(ctx, w.kill)
	defer stop()
	if err := w.send(message{Type: typeHello, Proto: Version, Context: greeting}); err != nil {
		return w.death(ctx)
	}
	for {
		m, err := w.receive(ctx)
		switch {
		case err != nil:
			return err
		case m.Type == typeReady:
			return nil
		case m.Type == typeError:
			return w.failure(m.message)
		}
	}
}

func (w *worker) send(m message) error {
	line, err := appendMessage(nil, m)
	if err != nil {
		return err
	}
	w.inMu.Lock()
	defer w.inMu.Unlock()
	_, err = w.in.Write(line)
	return err
}

// receive returns the next line. One that is none is told to the worker, and
// the third kills it.
func (w *worker) receive(ctx context.Context) (incoming, error) {
	for next := range w.lines {
		if next.err == nil {
			return next, nil
		}
		w.logger.Debug("Line of a worker", "err", next.err)
		if w.strikes++; w.strikes == strikes || errors.Is(next.err, errLong) {
			w.kill()
			return next, fail(CodeProtocol, "%v", next.err)
		}
		if w.send(message{Type: typeError, Code: string(CodeProtocol), Message: clean(next.err.Error())}) != nil {
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
	if w.tail.outOfMemory() {
		return fail(CodeMemory, "its process has no more memory")
	}
	return fail(CodeDied, "its process ended: %v", w.cmd.ProcessState)
}

// kill ends the process at once; any goroutine may. In the sandbox it cannot
// have started another one.
func (w *worker) kill() {
	w.goneMu.Do(func() { close(w.gone) })
	_ = w.cmd.Process.Kill() // it may have ended already
	_ = w.out.Close()        // whoever inherited the other end writes to nobody
}

// close asks the worker to stop, kills it after a grace, and waits.
func (w *worker) close() {
	timer := time.AfterFunc(graceTime, w.kill)
	defer timer.Stop()
	w.goneMu.Do(func() { close(w.gone) })
	if err := w.send(message{Type: typeStop}); err != nil {
		w.kill()
	}
	w.in.Close()
	<-w.ended
}

// do has the worker do a unit. After an error that is no [Failure] of the
// unit's own the worker is dead.
func (w *worker) do(ctx context.Context, u Unit) (Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, u.Limits.Wall, fail(CodeWall, "not done after %v", u.Limits.Wall))
	defer cancel()
	stop := context.AfterFunc(ctx, w.kill)
	defer stop()
	w.lastID++
	w.used = true
	w.tail.tell(u.Log)
	defer w.tail.tell(nil)
	began := time.Now()
	if err := w.send(message{Type: typeWork, ID: w.lastID, Seq: u.Seq, Input: u.Input, Limits: &u.Limits}); err != nil {
		return Result{}, w.death(ctx)
	}
	room := u.Limits.Output
	for {
		m, err := w.receive(ctx)
		if err != nil {
			return Result{}, err
		}
		if room -= int64(m.size); room < 0 && !w.ours {
			w.kill()
			return Result{}, fail(CodeOutput, "more than %d bytes", u.Limits.Output)
		}
		switch {
		case m.Type == typeLog:
			w.tail.say(m.Message)
		case m.Type == typeProgress && m.ID == w.lastID && u.Progress != nil:
			u.Progress(m.Percent, clean(m.Short))
		case m.Type == typeResult && m.ID == w.lastID:
			return Result{Data: m.Data, Fuel: m.Fuel, Wall: time.Since(began)}, nil
		case m.Type == typeError && (m.ID == w.lastID || m.ID == 0):
			return Result{}, w.failure(m.message)
		}
	}
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

// alive reports whether the process runs still.
func (w *worker) alive() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}
