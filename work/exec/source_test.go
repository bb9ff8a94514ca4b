package exec

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"
)

func startSource(t *testing.T, config SourceConfig) *Source {
	t.Helper()
	s, err := StartSource(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The source in Python makes units, the worker in Python does them, and pi comes
// out.
func TestSource(t *testing.T) {
	python, err := osexec.LookPath("python3")
	if err != nil {
		t.Skip("skipped: there is no python3 here")
	}
	said := make(chan string, 100)
	source := startSource(t, SourceConfig{
		Argv: []string{python, "testdata/source.py"}, Context: []byte(`{"units":3,"count":1000}`),
		Log: func(text string) { said <- text },
	})
	worker := startSource(t, SourceConfig{Argv: []string{python, "testdata/worker.py"}})
	for seq := uint64(0); ; seq++ {
		input, err := source.Next(t.Context(), seq)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		result, err := worker.w.do(t.Context(), Unit{Seq: seq, Input: input, Limits: Limits{}.withDefaults()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if value, err := source.Validate(t.Context(), input, []json.RawMessage{result.Data, []byte("0")}); value != nil || err != nil {
			t.Errorf("results that differ are worth %s, %v", value, err)
		}
		value, err := source.Validate(t.Context(), input, []json.RawMessage{result.Data, result.Data})
		if err != nil || string(value) != string(result.Data) {
			t.Fatalf("%s is worth %s, %v", result.Data, value, err)
		}
		for range 2 {
			if err := source.Chunk(t.Context(), Chunk{Seq: seq, Data: value}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := source.Next(t.Context(), 3); !errors.Is(err, io.EOF) { // it says what it said before
		t.Error(err)
	}
	close(said)
	last := ""
	for text := range said {
		last = text
	}
	if last != "pi is about 3.141259" {
		t.Errorf("it said %q last", last)
	}
}

// Results of a workgroup fit in a line, up to a limit.
func TestLongValidate(t *testing.T) {
	python, err := osexec.LookPath("python3")
	if err != nil {
		t.Skip("skipped: there is no python3 here")
	}
	source := startSource(t, SourceConfig{Argv: []string{python, "testdata/source.py"}, Context: []byte(`{"units":0,"count":0}`)})
	long := json.RawMessage(`"` + strings.Repeat("x", 900_000) + `"`)
	if value, err := source.Validate(t.Context(), nil, []json.RawMessage{long, long, long, long, long}); err != nil || len(value) != len(long) {
		t.Errorf("%d bytes, %v", len(value), err)
	}
	results := make([]json.RawMessage, 20)
	for i := range results {
		results[i] = long
	}
	if _, err := source.Validate(t.Context(), nil, results); err == nil {
		t.Error("18 MB in one line")
	}
	if _, err := source.Next(t.Context(), 0); !errors.Is(err, io.EOF) {
		t.Errorf("and then %v", err)
	}
}

func TestHostileSources(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	timeout := errors.New("it hangs")
	for way, want := range map[string]error{
		"hangs": timeout, "panics": ErrDied, "dies": ErrDied, "garbage": ErrProtocol, "no end of line": ErrProtocol,
		"half a line": ErrDied, "claims fuel": ErrWorker,
	} {
		t.Run(way, func(t *testing.T) {
			s := startSource(t, SourceConfig{Argv: []string{self, hostileWord, way}})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if want == timeout {
				timer := time.AfterFunc(200*time.Millisecond, func() { cancel(timeout) })
				defer timer.Stop()
			}
			value, err := s.Validate(ctx, nil, []json.RawMessage{[]byte("1")})
			if value != nil || !errors.Is(err, want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %v", value, err)
			}
			if _, err := s.Validate(t.Context(), nil, nil); !errors.Is(err, ErrDied) && want != ErrWorker {
				t.Errorf("and then %v", err)
			}
		})
	}
	for name, argv := range map[string][]string{"nothing": nil, "gone": {"/no/such/program"}, "never ready": {self, hostileWord, "never ready"}} {
		if s, err := StartSource(t.Context(), SourceConfig{Argv: argv}); err == nil {
			t.Errorf("%s: it started", name)
			s.Close()
		}
	}
}
