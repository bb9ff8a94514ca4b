package control

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
)

// Where a file's bytes are the answer, the size goes before them and the
// outcome after.
const (
	sizeHeader    = "Batchain-Size"
	resultTrailer = "Batchain-Result"
	errorTrailer  = "Batchain-Error"
)

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	in := bufio.NewReader(r.Body)
	var req GetRequest
	if err := readRequest(in, &req); err != nil {
		s.refuse(w, r, err)
		return
	}
	discard(in)
	if req.Output != "" {
		respond(s, w, r, func(ctx context.Context, emit func(Progress)) (GetResult, error) {
			return s.backend.Get(ctx, req, nil, emit)
		})
		return
	}
	out := &rawWriter{w: w, rc: http.NewResponseController(w)}
	out.size.Store(-1)
	res, err := safely(s, func() (GetResult, error) {
		return s.backend.Get(r.Context(), req, out, out.emit)
	})
	if err != nil && !out.begun {
		s.refuse(w, r, err)
		return
	}
	if err == nil {
		err = out.finish(resultTrailer, res)
	}
	if err != nil {
		err = out.finish(errorTrailer, s.told(r.Context(), err))
	}
	if err != nil {
		s.logger().Debug("outcome not delivered", "path", r.URL.Path, "err", err)
	}
}

// rawWriter passes the bytes of a file on. The first write sends the header.
type rawWriter struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	size  atomic.Int64 // of the file, from the progress; -1: not known
	begun bool
}

func (o *rawWriter) emit(p Progress) {
	if p.Total >= 0 {
		o.size.Store(p.Total)
	}
}

// Write sends the bytes on before it returns.
func (o *rawWriter) Write(b []byte) (int, error) {
	if err := o.begin(); err != nil {
		return 0, err
	}
	n, err := o.w.Write(b)
	if err != nil {
		return n, err
	}
	return n, o.rc.Flush()
}

func (o *rawWriter) begin() error {
	if o.begun {
		return nil
	}
	o.begun = true
	h := o.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Trailer", resultTrailer+", "+errorTrailer)
	if size := o.size.Load(); size >= 0 {
		h.Set(sizeHeader, strconv.FormatInt(size, 10))
	}
	o.w.WriteHeader(http.StatusOK)
	return o.rc.Flush()
}

func (o *rawWriter) finish(trailer string, v any) error {
	if err := o.begin(); err != nil {
		return err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("trailer: %w", err)
	}
	o.w.Header().Set(trailer, base64.StdEncoding.EncodeToString(text))
	return nil
}

// copyRaw copies the bytes of a file from an answer to out and tells how far it
// is at every read, then reads the outcome.
func copyRaw(resp *http.Response, out io.Writer, emit func(Progress)) (GetResult, error) {
	progress := Progress{Phase: "get", Total: -1}
	if size, err := strconv.ParseInt(resp.Header.Get(sizeHeader), 10, 64); err == nil {
		progress.Total = size
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return GetResult{}, &outputError{err}
			}
			progress.Done += int64(n)
			emit(progress)
		}
		if errors.Is(err, io.EOF) {
			return outcome(resp)
		} else if err != nil {
			return GetResult{}, err
		}
	}
}

// outputError is a write that failed on this side.
type outputError struct{ err error }

func (e *outputError) Error() string { return "write output: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

func outcome(resp *http.Response) (GetResult, error) {
	var res GetResult
	if text := resp.Trailer.Get(errorTrailer); text != "" {
		told := new(Error)
		if err := readTrailer(text, told); err != nil {
			return res, err
		}
		return res, told
	}
	text := resp.Trailer.Get(resultTrailer)
	if text == "" {
		return res, io.ErrUnexpectedEOF
	}
	return res, readTrailer(text, &res)
}

func readTrailer(text string, into any) error {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("trailer: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("trailer: %w", err)
	}
	return nil
}
