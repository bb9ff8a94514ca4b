package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// chunkLine is the type of a line that holds a [Datachunk].
const chunkLine = "datachunk"

// resultsEnd is the last line of datachunks.
type resultsEnd struct{}

// results streams datachunks: none is left out, so the work waits for whoever
// reads them.
func (s *Server) results(w http.ResponseWriter, r *http.Request) {
	in := bufio.NewReader(r.Body)
	var req ResultsRequest
	if err := readRequest(in, &req); err != nil {
		s.refuse(w, r, err)
		return
	}
	discard(in)
	w.Header().Set("Content-Type", "application/x-ndjson")
	ctx, cancel := context.WithCancel(r.Context())
	out := &chunkWriter{out: bufio.NewWriterSize(w, 64<<10), flush: http.NewResponseController(w).Flush}
	var ticking sync.WaitGroup
	ticking.Go(func() { out.keepFlushing(ctx) })
	_, err := safely(s, func() (resultsEnd, error) { return resultsEnd{}, s.backend.Results(ctx, req, out.chunk) })
	cancel()
	ticking.Wait()
	if err != nil {
		err = out.line("error", s.told(r.Context(), err))
	} else {
		err = out.line("result", resultsEnd{})
	}
	if err = errors.Join(err, out.flushAll()); err != nil {
		s.logger().Debug("outcome not delivered", "path", r.URL.Path, "err", err)
	}
}

// chunkWriter writes lines, which go out together after a moment.
type chunkWriter struct {
	mu    sync.Mutex
	out   *bufio.Writer
	flush func() error
}

// flushEvery is how long a datachunk waits for more to go with.
const flushEvery = 100 * time.Millisecond

func (c *chunkWriter) chunk(d Datachunk) error { return c.line(chunkLine, d) }

func (c *chunkWriter) line(kind string, v any) error {
	line, err := Line(kind, v)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err = c.out.Write(line)
	return err
}

func (c *chunkWriter) flushAll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.out.Flush(), c.flush())
}

// keepFlushing sends what was written until ctx ends. A write that fails shows
// in the next one, too.
func (c *chunkWriter) keepFlushing(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		_ = c.flushAll()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Results passes datachunks on; see [Labour].
func (c *Client) Results(ctx context.Context, req ResultsRequest, emit func(Datachunk) error) error {
	resp, err := c.post(ctx, "/v1/work/results", req, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := readLine(in, maxLine)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return c.explain(ctx, err)
		}
		var head struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(line, &head); err != nil {
			return NewError(ExitUnclassified, 21, "the node's answer makes no sense: %w", err)
		}
		if head.Type != chunkLine {
			if last, err := take(line, &resultsEnd{}, unheard); last || err != nil {
				return err
			}
			continue
		}
		var d Datachunk
		if err := json.Unmarshal(line, &d); err != nil {
			return NewError(ExitUnclassified, 21, "the node's answer makes no sense: %w", err)
		}
		if err := emit(d); err != nil {
			return err
		}
	}
}
