package demo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// ErrFailed means that a demo ran to its end and a check did not hold.
var ErrFailed = errors.New("a check of the demo failed")

// stage is where one demo plays: it narrates, checks, and ends every node it
// started.
type stage struct {
	name    string
	out     io.Writer
	json    bool
	logger  *slog.Logger
	dir     string
	program string // batchain, "" when it is not known
	all     []*member
	failed  int

	nodes    int   // that were asked for; 0: nobody did
	capacity int64 // bytes that each node gives; 0: the usual
}

// say tells what happens next. With --json only checks are printed.
func (s *stage) say(format string, args ...any) {
	if !s.json {
		fmt.Fprintf(s.out, "  "+format+"\n", args...)
	}
}

// check prints whether something holds; if not, the demo fails at its end.
func (s *stage) check(holds bool, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if !holds {
		s.failed++
	}
	if s.json {
		line, err := json.Marshal(struct {
			Type string `json:"type"`
			Demo string `json:"demo"`
			What string `json:"what"`
			OK   bool   `json:"ok"`
		}{"check", s.name, what, holds})
		if err == nil {
			fmt.Fprintf(s.out, "%s\n", line)
		}
		return
	}
	mark := "✓"
	if !holds {
		mark = "✗"
	}
	fmt.Fprintf(s.out, "  %s %s\n", mark, what)
}

// node starts a node that knows the ones given.
func (s *stage) node(ctx context.Context, name string, knows ...*member) (*member, error) {
	var bootstrap []string
	for _, k := range knows {
		bootstrap = append(bootstrap, k.Addrs()...)
	}
	m, err := start(ctx, s.dir, name, bootstrap, cmp.Or(s.capacity, capacity), s.logger)
	if err == nil {
		s.all = append(s.all, m)
	}
	return m, err
}

// mesh starts nodes called NAME1, NAME2, … that all know the first.
func (s *stage) mesh(ctx context.Context, name string, count int) ([]*member, error) {
	var members []*member
	for i := range count {
		var knows []*member
		if i > 0 {
			knows = members[:1]
		}
		m, err := s.node(ctx, fmt.Sprintf("%s%d", name, i+1), knows...)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// file writes a file of size bytes that no compressor could shrink.
func (s *stage) file(name string, size int) (path string, content []byte, err error) {
	content = make([]byte, size)
	source := rand.NewChaCha8([32]byte([]byte("batchain demo: the same each run")))
	_, _ = source.Read(content) // never fails
	path = filepath.Join(s.dir, name)
	return path, content, os.WriteFile(path, content, 0o600)
}

// equal reports whether a file holds exactly content.
func equal(path string, content []byte) bool {
	got, err := os.ReadFile(path)
	return err == nil && bytes.Equal(got, content)
}

// close ends every node and removes the stage's folder.
func (s *stage) close() error {
	var errs []error
	for _, m := range slices.Backward(s.all) {
		errs = append(errs, m.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
