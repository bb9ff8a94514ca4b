package exec

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	osexec "os/exec"
	"sync"
	"sync/atomic"
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
	warden   *warden         // looks after a native command; nil: nobody has to
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
	ended chan struct{} // closed when the process was waited for, and its folder is gone
	over  chan struct{} // closed when the process was waited for
	tail  tail
	clock clock

	watching sync.WaitGroup
	excess   atomic.Pointer[Failure] // what the warden killed it for

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
		lines: make(chan incoming, 16), gone: make(chan struct{}), ended: make(chan struct{}), over: make(chan struct{}),
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
	if w.warden != nil {
		w.watching.Go(w.watch)
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
	close(w.over)
	w.watching.Wait()
	if w.box != nil {
		if err := w.box.remove(); err != nil {
			w.logger.Warn("Folder of a worker", "err", err)
		}
	}
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
	w.wake()
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
