package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	osexec "os/exec"
	"sync"
	"time"
)

// MaxValidate is the most bytes of a validate line, which carries all results
// of a workgroup: 16 MiB. All other lines have at most [MaxLine].
const MaxValidate = 16 << 20

// Later says that a source has no unit just now, and when to ask again.
type Later struct{ After time.Duration }

// Error tells when.
func (l *Later) Error() string { return fmt.Sprintf("no unit now, ask again in %v", l.After) }

// SourceConfig is what a [Source] is started with. Argv is needed.
type SourceConfig struct {
	Argv    []string        // the program and its arguments
	Dir     string          // where it runs; "": here
	Env     []string        // KEY=VALUE; nil: that of this process
	Context json.RawMessage // told in hello: one JSON value, or nil
	Log     func(string)    // gets what it says for people, line by line; may be nil
	Logger  *slog.Logger    // nil: discard
}

// Source is a program of the hive's owner, in any language, that makes units,
// judges results and takes datachunks over the line protocol. It is the owner's
// own, so it is held by no sandbox.
//
// Its methods may be called concurrently; the program gets one question at a
// time. When the context of a question ends, the program is killed; then, and
// after any other end of it, all questions fail with [ErrDied] or
// [ErrProtocol], and a new one is to be started.
type Source struct {
	mu sync.Mutex
	w  *worker
}

// StartSource starts a program and waits for its ready, at most 30 s.
func StartSource(ctx context.Context, config SourceConfig) (*Source, error) {
	if len(config.Argv) == 0 {
		return nil, fail(CodeDenied, "a source without a program")
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	cmd := osexec.Command(config.Argv[0], config.Argv[1:]...)
	cmd.Dir, cmd.Env = config.Dir, config.Env
	w, err := startWorker(ctx, cmd, start{greeting: config.Context, log: config.Log, logger: config.Logger})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", config.Argv[0], err)
	}
	return &Source{w: w}, nil
}

// Next returns the input of unit seq, counted from 0. It fails with [io.EOF]
// when there will be none, and with [Later] when there is none now. A program
// that was started again is asked for the first unit that the hive does not
// have, so the number is all that it needs to know.
func (s *Source) Next(ctx context.Context, seq uint64) (json.RawMessage, error) {
	m, err := s.ask(ctx, message{Type: typeNext, Seq: &seq}, typeUnit, typeNone)
	switch {
	case err != nil:
		return nil, fmt.Errorf("unit %d: %w", seq, err)
	case m.Type == typeUnit:
		return m.Input, nil
	case m.Again > 0:
		return nil, &Later{time.Duration(m.Again * float64(time.Second))}
	}
	return nil, io.EOF
}

// Validate judges the results of a workgroup for the unit with that input, at
// most [MaxValidate] bytes in all. It returns what they amount to, or nil when
// they are not to be believed.
func (s *Source) Validate(ctx context.Context, input json.RawMessage, results []json.RawMessage) (json.RawMessage, error) {
	m, err := s.ask(ctx, message{Type: typeValidate, Input: input, Results: results}, typeVerdict)
	if err != nil {
		return nil, fmt.Errorf("validate %d results: %w", len(results), err)
	}
	if !m.Valid {
		return nil, nil
	}
	return m.Data, nil
}

// Chunk is what came of unit Seq: Data, one JSON value; or, of a unit that
// came to nothing, Code "failed" or "cancelled" and why.
type Chunk struct {
	Seq           uint64
	Data          json.RawMessage
	Code, Message string
}

// Chunk hands over a datachunk. Once it returns nil the program has it, by its
// own word; after an error it may have it, and gets it again.
func (s *Source) Chunk(ctx context.Context, c Chunk) error {
	m := message{Type: typeChunk, Seq: &c.Seq, Data: c.Data, Code: c.Code, Message: clean(c.Message)}
	if _, err := s.ask(ctx, m, typeOK); err != nil {
		return fmt.Errorf("datachunk %d: %w", c.Seq, err)
	}
	return nil
}

func (s *Source) ask(ctx context.Context, m message, want ...string) (message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.ask(ctx, m, nil, want...)
}

// Close asks the program to stop, kills it after 10 s, and waits for it.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w.close()
	return nil
}
