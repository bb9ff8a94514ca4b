package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

// demoLimit is how long a demo may take on a machine that has other things to do.
const demoLimit = 3 * time.Minute

func TestEveryDemoHolds(t *testing.T) {
	for _, d := range List() {
		t.Run(d.Name, func(t *testing.T) {
			var out, log bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), demoLimit)
			defer cancel()
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			if err := Play(ctx, d.Name, Options{Out: &out, Logger: logger}); err != nil {
				t.Fatalf("%v\n%s\n%s", err, &out, &log)
			}
			if strings.Contains(out.String(), "SKIPPED") {
				t.Skip(out.String())
			}
			if !strings.Contains(out.String(), "✓") || strings.Contains(out.String(), "✗") {
				t.Errorf("told:\n%s", &out)
			}
		})
	}
}

func TestJSONIsOneCheckALine(t *testing.T) {
	var out bytes.Buffer
	if err := Play(t.Context(), "1", Options{Out: &out, JSON: true}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		var check struct {
			Type, Demo, What string
			OK               bool
		}
		if err := json.Unmarshal([]byte(line), &check); err != nil || check.Type != "check" || check.Demo != "pair" || !check.OK {
			t.Errorf("line %q: %v", line, err)
		}
	}
}

func TestUnknownDemo(t *testing.T) {
	if err := Play(t.Context(), "nosuch", Options{Out: &bytes.Buffer{}}); !errors.Is(err, ErrUnknown) {
		t.Errorf("error: %v", err)
	}
}

func TestFailedCheckIsTold(t *testing.T) {
	var out bytes.Buffer
	d := demo{Info{9, "lie", "a check that cannot hold"}, func(_ context.Context, s *stage) error {
		s.check(false, "black is white")
		return nil
	}}
	if err := d.run(t.Context(), Options{Out: &out}); !errors.Is(err, ErrFailed) || !strings.Contains(out.String(), "✗ black") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestSampleSurvivesRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sample")
	file := filepath.Join(t.TempDir(), "f")
	content := []byte(strings.Repeat("some lines\n", 1000))
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	use := func(work func(ctx context.Context, c *control.Client, home string) error) {
		t.Helper()
		err := Sample(t.Context(), SampleOptions{Nodes: 3, Dir: dir, Use: func(ctx context.Context, home string) error {
			c := control.Dial(node.SocketPath(home))
			defer c.Close()
			return work(ctx, c, home)
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	use(func(ctx context.Context, c *control.Client, _ string) error {
		_, err := c.Put(ctx, control.PutRequest{Path: file}, nil, quiet)
		return err
	})
	use(func(ctx context.Context, c *control.Client, home string) error {
		ref, err := node.Resolve(home, "f")
		if err != nil {
			return err
		}
		_, err = c.Get(ctx, control.GetRequest{Ref: ref, Output: file + ".back"}, nil, quiet)
		return err
	})
	if !equal(file+".back", content) {
		t.Error("the file did not survive the restart")
	}
}
