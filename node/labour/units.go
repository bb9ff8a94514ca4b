package labour

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"unicode/utf8"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/hive"
	"github.com/batchain/batchain/work/validator"
)

// feedSpec says where the units of a project come from.
type feedSpec struct {
	Kind     string   `json:"kind"`
	Priority uint8    `json:"priority,omitempty"`
	From     uint64   `json:"from,omitempty"`  // of a range
	Count    uint64   `json:"count,omitempty"` // of a range
	Step     uint64   `json:"step,omitempty"`  // of a range
	Sum      []byte   `json:"sum,omitempty"`   // SHA-256 of the file
	Argv     []string `json:"argv,omitempty"`  // of a source
	Dir      string   `json:"dir,omitempty"`   // where the source runs

	Table *tableFile `json:"table,omitempty"`
	Spool *spoolFile `json:"spool,omitempty"`
}

// The kinds of feeds.
const (
	feedFile   = "file"
	feedCount  = "count"
	feedRange  = "range"
	feedSource = "source"
)

// handlers are the owner's part of a project. done releases what they hold.
func (p *project) handlers(ctx context.Context, log *slog.Logger) (owner hive.Handlers, done func(), err error) {
	done = func() {}
	switch p.Feed.Kind {
	case feedCount:
		owner.Source = numbered{p.Total, p.Feed.Priority, func(n uint64) any { return n }}
	case feedRange:
		owner.Source = numbered{p.Total, p.Feed.Priority, p.Feed.part}
	case feedFile:
		f := &lineSource{path: filepath.Join(p.dir, unitsFile), priority: p.Feed.Priority}
		owner.Source, done = f, f.close
	case feedSource:
		name := p.Project.Name
		s, err := exec.StartSource(ctx, exec.SourceConfig{
			Argv: p.Feed.Argv, Dir: p.Feed.Dir, Context: p.Project.Program.Context, Logger: log,
			Log: func(text string) { log.Info("source says", "project", name, "text", text) },
		})
		if err != nil {
			return owner, nil, err
		}
		program := &sourceProgram{source: s, priority: p.Feed.Priority, computes: p.Validator != nil && p.Validator.Computes}
		owner = hive.Handlers{Source: program, Datachunk: program.deliver, Consumer: "source"}
		if p.Project.Policy.Rule == work.Custom {
			owner.Validator = program
		}
		done = func() { _ = s.Close() } // it always returns nil
	case feedTable, feedSpool: // they come from the store
	default:
		return owner, nil, fmt.Errorf("units of kind %q are not known", p.Feed.Kind)
	}
	return owner, done, nil
}

// numbered makes units of their numbers.
type numbered struct {
	total    int64
	priority uint8
	input    func(n uint64) any
}

// Next makes unit n; see [hive.Source].
func (s numbered) Next(_ context.Context, n uint64) (work.Unit, error) {
	if n >= uint64(s.total) {
		return work.Unit{}, io.EOF
	}
	input, err := json.Marshal(s.input(n))
	return work.Unit{Input: input, Priority: s.priority}, err
}

// part is a part of a range.
func (f *feedSpec) part(n uint64) any {
	return struct {
		From  uint64 `json:"from"`
		Count uint64 `json:"count"`
	}{f.From + n*f.Step, min(f.Step, f.Count-n*f.Step)}
}

// lineSource makes units of the lines of a file.
type lineSource struct {
	path     string
	priority uint8

	mu    sync.Mutex
	file  *os.File
	lines *bufio.Reader
	at    uint64 // number of the unit that comes next
}

// Next reads unit n; see [hive.Source].
func (s *lineSource) Next(_ context.Context, n uint64) (work.Unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil || n < s.at {
		s.shut()
		f, err := os.Open(s.path)
		if err != nil {
			return work.Unit{}, err
		}
		s.file, s.lines, s.at = f, bufio.NewReaderSize(f, 64<<10), 0
	}
	for {
		line, err := s.lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = nil
		}
		if err != nil {
			return work.Unit{}, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if s.at++; s.at > n {
			return work.Unit{Input: line, Priority: s.priority}, nil
		}
	}
}

func (s *lineSource) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut()
}

func (s *lineSource) shut() {
	if s.file != nil {
		_ = s.file.Close() // it was only read
		s.file = nil
	}
}

// sourceProgram is a program of the owner's that makes units, takes datachunks and
// may judge.
type sourceProgram struct {
	source   *exec.Source
	priority uint8
	computes bool // it may believe what no bee gave
}

// Next has the program make unit n; see [hive.Source].
func (s *sourceProgram) Next(ctx context.Context, n uint64) (work.Unit, error) {
	input, err := s.source.Next(ctx, n)
	var later *exec.Later
	if errors.As(err, &later) {
		return work.Unit{}, work.ErrNoWork
	}
	return work.Unit{Input: input, Priority: s.priority}, err // io.EOF as it is
}

// deliver hands over what came of a unit.
func (s *sourceProgram) deliver(ctx context.Context, c work.Datachunk) error {
	chunk := exec.Chunk{Seq: c.Seq}
	switch {
	case c.State != work.Valid:
		chunk.Code, chunk.Message = c.State.String(), c.Reason
	case !json.Valid(c.Output):
		chunk.Code, chunk.Message = work.Failed.String(), "the result is no JSON"
	default:
		chunk.Data = c.Output
	}
	return s.source.Chunk(ctx, chunk)
}

// Judge has the program judge; see [work.Validator].
func (s *sourceProgram) Judge(ctx context.Context, u work.Unit, answers []work.Answer) (work.Judgement, error) {
	return validator.Judge(ctx, u, answers, s.computes, s.source.Validate)
}

func sumOf(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }

// short cuts text to max bytes at the end of a character.
func short(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}
