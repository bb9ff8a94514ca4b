package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"time"
)

func stack() string { return string(debug.Stack()) }

func (s *Server) put(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	if err := rc.EnableFullDuplex(); err != nil {
		s.refuse(w, r, err)
		return
	}
	in := bufio.NewReaderSize(r.Body, maxRequest)
	var req PutRequest
	if err := readRequest(in, &req); err != nil {
		s.refuse(w, r, err)
		return
	}
	var body io.Reader = in
	if req.Path != "" {
		discard(in)
		body = nil
	}
	respond(s, w, r, func(ctx context.Context, emit func(Progress)) (PutResult, error) {
		return s.backend.Put(ctx, req, body, emit)
	})
	// The rest of the body is taken for a moment: a connection that is closed
	// with bytes unread may lose the answer.
	_ = rc.SetReadDeadline(time.Now().Add(time.Second))
	discard(in)
}

// readRequest reads the request line. A field nobody here knows is an error.
func readRequest(in *bufio.Reader, req any) error {
	line, err := readLine(in, maxRequest)
	if errors.Is(err, errLineTooLong) {
		return NewError(ExitUsage, 20, "the request is too long: %w", err)
	} else if err != nil {
		return NewError(ExitUsage, 21, "the request is not whole: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(req); err != nil {
		return NewError(ExitConfig, 20, "the node does not understand the request: %w", err).
			Because("the running node is of another version than this command").
			Try("restart the node")
	}
	return nil
}

// respond runs work and streams its progress and outcome. It returns when the
// work did.
func respond[T any](s *Server, w http.ResponseWriter, r *http.Request, work func(context.Context, func(Progress)) (T, error)) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := &progressWriter{w: w, rc: http.NewResponseController(w), queue: make(chan Progress, 256), end: make(chan struct{}), ended: make(chan struct{})}
	go out.run(s.beat(), cancel)
	res, err := safely(s, func() (T, error) { return work(ctx, out.emit) })
	out.close()
	var line []byte
	if err == nil {
		line, err = Line("result", res)
	}
	if err != nil {
		line, err = Line("error", s.told(r.Context(), err))
	}
	if err == nil {
		_, err = w.Write(line)
	}
	if err = errors.Join(err, out.rc.Flush()); err != nil {
		s.logger().Debug("outcome not delivered", "path", r.URL.Path, "err", err)
	}
}

// progressWriter writes progress lines from one goroutine, so that the work
// never waits for whoever reads them.
type progressWriter struct {
	w     io.Writer
	rc    *http.ResponseController
	queue chan Progress
	end   chan struct{} // closed by close
	ended chan struct{} // closed when run returned
}

// emit queues a line, or drops it when the reader is far behind or gone.
func (p *progressWriter) emit(progress Progress) {
	progress.Note = cut(progress.Note, maxNote)
	select {
	case p.queue <- progress:
	default:
	}
}

// close writes what is queued and waits for run.
func (p *progressWriter) close() {
	close(p.end)
	<-p.ended
}

// run writes until close. Once a line cannot be written it cancels the work.
func (p *progressWriter) run(beat time.Duration, cancel func()) {
	defer close(p.ended)
	last := Progress{Phase: "start", Total: -1}
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case last = <-p.queue:
		case <-ticker.C:
		case <-p.end:
			p.drain()
			return
		}
		if p.write(last) != nil {
			cancel()
			<-p.end
			return
		}
		ticker.Reset(beat)
	}
}

func (p *progressWriter) drain() {
	for {
		select {
		case progress := <-p.queue:
			if p.write(progress) != nil {
				return
			}
		default:
			return
		}
	}
}

func (p *progressWriter) write(progress Progress) error {
	line, err := Line("progress", progress)
	if err != nil {
		return err
	}
	if _, err := p.w.Write(line); err != nil {
		return err
	}
	return p.rc.Flush()
}
