package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server answers the local API with a backend. Set its fields before Serve.
type Server struct {
	// Logger is told of broken connections and panics; nil discards.
	Logger *slog.Logger
	// Beat is how often a stream repeats its last progress line when there is
	// no other; zero is once a second.
	Beat time.Duration

	backend Backend
	mux     *http.ServeMux
}

// NewServer returns a server for backend. extra answers every path that is not
// the API's; nil answers none.
func NewServer(backend Backend, extra http.Handler) *Server {
	s := &Server{backend: backend, mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /v1/put", s.put)
	s.mux.HandleFunc("POST /v1/get", s.get)
	s.mux.HandleFunc("POST /v1/remove", streamed(s, backend.Remove))
	s.mux.HandleFunc("POST /v1/audit", streamed(s, backend.Audit))
	s.mux.HandleFunc("POST /v1/repair", streamed(s, backend.Repair))
	s.mux.HandleFunc("POST /v1/keep", streamed(s, backend.Keep))
	s.mux.HandleFunc("POST /v1/recover", streamed(s, backend.Recover))
	s.mux.HandleFunc("POST /v1/leave", streamed(s, backend.Leave))
	s.workRoutes()
	s.mux.HandleFunc("GET /v1/status", s.status)
	s.mux.HandleFunc("GET /v1/peers", s.peers)
	if extra != nil {
		s.mux.Handle("/", extra)
	}
	return s
}

// errEnding is why work ends when the server does.
var errEnding = errors.New("the node is ending")

// endGrace is how long work may take to end after its context did.
const endGrace = 10 * time.Second

// Serve answers on ln until ctx ends; then it cancels the work that is under
// way, waits for it, closes ln and returns nil. It returns early only when ln
// breaks. Accepting is its own goroutine, and it is waited for.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	srv := &http.Server{
		Handler:           s.guard(s.mux),
		BaseContext:       func(net.Listener) context.Context { return work },
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger().Handler(), slog.LevelWarn),
	}
	broken := make(chan error, 1)
	go func() { broken <- srv.Serve(ln) }()
	select {
	case err := <-broken:
		cancel(errEnding)
		return errors.Join(err, shutdown(srv))
	case <-ctx.Done():
	}
	cancel(errEnding)
	err := shutdown(srv)
	<-broken
	return err
}

// shutdown waits for the handlers. A connection that never sent a request, or
// whose handler does not come back, is cut when the grace ends.
func shutdown(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), endGrace)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return srv.Close()
	}
	return nil
}

func (s *Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

func (s *Server) beat() time.Duration {
	if s.Beat == 0 {
		return time.Second
	}
	return s.Beat
}

// guard ends every read and write of a request soon after its context, and
// keeps the text of a panic from the asker.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		stop := context.AfterFunc(r.Context(), func() {
			now := time.Now()
			_ = rc.SetReadDeadline(now)
			_ = rc.SetWriteDeadline(now.Add(endGrace / 5))
		})
		defer stop()
		defer func() {
			if v := recover(); v != nil {
				s.logger().Error("request panicked", "path", r.URL.Path, "panic", v)
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	status, err := safely(s, func() (Status, error) { return s.backend.Status(r.Context()) })
	s.answer(w, r, status, err)
}

func (s *Server) peers(w http.ResponseWriter, r *http.Request) {
	peers, err := safely(s, func() ([]Peer, error) { return s.backend.Peers(r.Context()) })
	if peers == nil {
		peers = []Peer{}
	}
	s.answer(w, r, peers, err)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.logger().Debug("answer not delivered", "path", r.URL.Path, "err", err)
	}
}

// refuse answers with an error alone: nothing was sent before.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	line, err := Line("error", s.told(r.Context(), err))
	if err != nil {
		s.logger().Error("error not encoded", "err", err)
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusUnprocessableEntity)
	if _, err := w.Write(line); err != nil {
		s.logger().Debug("answer not delivered", "path", r.URL.Path, "err", err)
	}
}

// told returns err as the asker is told of it.
func (s *Server) told(ctx context.Context, err error) *Error {
	own := errors.As(err, new(*Error))
	stopped := errors.Is(err, context.Canceled) || errors.Is(err, errEnding)
	switch {
	case errors.Is(context.Cause(ctx), errEnding) && (stopped || !own):
		return NewError(ExitNeedsNode, 2, "the node ended before this was done").Wrap(err).
			Try("start the node again and repeat the command: what is finished is kept").bounded()
	case stopped && !own && ctx.Err() == nil: // nobody interrupted it
		return NewError(ExitUnclassified, 0, "this did not work").Because("a part of the node gave up").Wrap(err).bounded()
	}
	return AsError(err).bounded()
}

// safely runs work and turns a panic into an error without its text.
func safely[T any](s *Server, work func() (T, error)) (res T, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.logger().Error("work panicked", "panic", v, "stack", stack())
			err = NewError(ExitUnclassified, 20, "the node made a mistake of its own").
				Because("its log has the rest")
		}
	}()
	return work()
}

// discard reads what is left of a request so that its end is seen.
func discard(body io.Reader) { _, _ = io.Copy(io.Discard, body) }
