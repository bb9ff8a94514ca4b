package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batchain/batchain/demo"
	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

func TestExplain(t *testing.T) {
	cases := map[string]struct {
		err  error
		exit int
	}{
		"a node's own":      {control.NewError(9, 1, "x"), 9},
		"interrupted":       {errors.Join(&interruption{syscall.SIGINT}, context.Canceled), 130},
		"late":              {fmt.Errorf("ask: %w", &timedOut{time.Second}), 5},
		"deadline":          {context.DeadlineExceeded, 5},
		"home busy":         {&node.HomeBusy{Home: "/h", PID: 7}, 11},
		"home newer":        {&node.NewerFormatError{Home: "/h", Found: 2, Know: 1}, 13},
		"configuration":     {&node.FileError{Path: "/h/config.toml", Err: errors.New("x")}, 13},
		"key exposed":       {node.ErrKeyExposed, 8},
		"manifest damaged":  {fmt.Errorf("x: %w", shard.ErrManifest), 7},
		"manifest newer":    {fmt.Errorf("x: %w", shard.ErrNewer), 13},
		"demo failed":       {fmt.Errorf("x: %w", demo.ErrFailed), 3},
		"missing":           {&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, 4},
		"not allowed":       {&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, 8},
		"disk full":         {&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, 12},
		"anything else":     {errors.New("x"), 1},
		"busy, not missing": {fmt.Errorf("%w: %w", &node.HomeBusy{PID: 7}, fs.ErrNotExist), 11},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := explain(fmt.Errorf("wrapped: %w", c.err))
			if e.Exit != c.exit || !strings.HasPrefix(e.Code, fmt.Sprintf("E%02d", c.exit)) || len(e.Code) < 5 {
				t.Errorf("%+v", e)
			}
		})
	}
	if e := explain(&node.HomeBusy{PID: 4711}); !strings.Contains(e.Why, "4711") {
		t.Errorf("the process is not named: %+v", e)
	}
}

func TestWorse(t *testing.T) {
	for _, c := range [][3]int{{0, 3, 3}, {3, 1, 1}, {1, 3, 1}, {6, 5, 6}, {5, 6, 6}, {0, 0, 0}, {130, 9, 130}, {3, 2, 2}} {
		if got := worse(c[0], c[1]); got != c[2] {
			t.Errorf("of %d and %d %d is the worse", c[0], c[1], got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "30d": 30 * day, "1y": 365 * day, "2w": 14 * day, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "1w1d1h1m1s": 8*day + time.Hour + time.Minute + time.Second} {
		if got, err := parseDuration("--timeout", text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0s", "5", "-1d", "1x", "d", "1dd", "1000y", "9e99y", "NaNd", "1h-5m"} {
		if got, err := parseDuration("--timeout", text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestClosest(t *testing.T) {
	known := []string{"put", "get", "ls", "status", "manifest", "completion"}
	for word, want := range map[string]string{"putt": "put", "ptu": "put", "stauts": "status", "manfest": "manifest", "complete": "completion", "banana": "", "x": ""} {
		if got := closest(word, known); got != want {
			t.Errorf("%s: %q", word, got)
		}
	}
}

func TestErrorText(t *testing.T) {
	e := control.NewError(6, 1, "20 hosts are needed for scheme 8+12, only 6 can take a shard now").
		Because("9 peers known: 2 are full, 1 speaks protocol 0.9").Try("batchain put holiday.tar --scheme 2+3")
	want := "error E0601: 20 hosts are needed for scheme 8+12, only 6 can take a shard now\n" +
		"  why   9 peers known: 2 are full, 1 speaks protocol 0.9\n" +
		"  try   batchain put holiday.tar --scheme 2+3\n"
	o := newOutput(Streams{}, false)
	if got := o.errorText(e); got != want {
		t.Errorf("got\n%s", got)
	}
	o.plain = false
	if got := o.errorText(e); !strings.HasPrefix(got, "\x1b[31merror E0601:\x1b[0m 20") {
		t.Errorf("no colour in %q", got)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// A result that nobody can read is no success.
func TestStdoutThatFails(t *testing.T) {
	var said strings.Builder
	code := Run(t.Context(), []string{"batchain", "version"}, Streams{In: strings.NewReader(""), Out: full{}, Err: &said})
	if code != control.ExitDiskFull || !strings.Contains(said.String(), "E12") {
		t.Errorf("exit code %d, %s", code, said.String())
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("a\x1b[2Jb\nc\u202ed\x9b\xffé"); strings.ContainsAny(got, "\x1b\n\u202e\u009b") || !strings.HasSuffix(got, "é") {
		t.Errorf("%q", got)
	}
}

func TestProgressText(t *testing.T) {
	got := progressText("holiday.tar", control.Progress{Phase: "place", Done: 64 << 20, Total: 128 << 20}, 8*time.Second)
	if want := "holiday.tar  place  64 MiB of 128 MiB  50 %  8.0 MiB/s  ETA 8s"; got != want {
		t.Errorf("got %s", got)
	}
	if got := progressText("-", control.Progress{Phase: "place", Done: 5, Total: -1}, 0); got != "-  place  5 B" {
		t.Errorf("got %s", got)
	}
}

// Off a terminal there is a line every ten seconds and every note once; the
// node repeats the last progress every second.
func TestLineMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		s := &session{process: &process{Streams: Streams{Err: &out}, out: newOutput(Streams{Err: &out}, false)}}
		m := s.meter("f")
		for i := range 25 {
			m.update(control.Progress{Phase: "place", Done: int64(i), Total: 100, Note: "slow"})
			time.Sleep(time.Second)
		}
		m.close()
		m.update(control.Progress{Phase: "place", Note: "after the end"})
		if lines := strings.Count(out.String(), "ETA"); lines != 2 || strings.Count(out.String(), "slow") != 1 || strings.Contains(out.String(), "after") {
			t.Errorf("%s", out.String())
		}
	})
}

// With --json every change is a line, and what does not change one a second.
func TestJSONMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		o := newOutput(Streams{Out: &out}, true)
		m := (&session{process: &process{out: o}}).meter("f")
		for range 10 {
			m.update(control.Progress{Phase: "place", Done: 1, Total: 3})
		}
		m.update(control.Progress{Phase: "place", Done: 2, Total: 3})
		m.update(control.Progress{Phase: "place", Done: 3, Total: 3})
		if n := strings.Count(out.String(), "\n"); n != 3 {
			t.Errorf("%d lines at once", n)
		}
		for range 5 {
			time.Sleep(time.Second)
			m.update(control.Progress{Phase: "place", Done: 3, Total: 3})
		}
		if n := strings.Count(out.String(), "\n"); n != 8 {
			t.Errorf("%d lines after five seconds", n)
		}
	})
}

func TestInvitation(t *testing.T) {
	addrs := []string{"/ip4/127.0.0.1/tcp/1/p2p/x", "/ip6/2001:db8::1/tcp/1/p2p/x", "/ip4/192.0.2.1/udp/1/quic-v1/p2p/x", "/ip4/192.0.2.1/tcp/1/p2p/x"}
	if got := invitation(addrs, "home"); got != "batchain join --mesh home /ip4/192.0.2.1/tcp/1/p2p/x" {
		t.Error(got)
	}
	if got := invitation(addrs[:1], "main"); got != "batchain join /ip4/127.0.0.1/tcp/1/p2p/x" {
		t.Error(got)
	}
}

// The help lists the classic forms before anything else, and every command.
func TestRootHelp(t *testing.T) {
	var out strings.Builder
	if code := Run(t.Context(), []string{"batchain", "-h"}, Streams{Out: &out, Err: io.Discard}); code != 0 {
		t.Fatal(code)
	}
	at := -1
	for _, form := range []string{"batchain -u ", "batchain -d ", "batchain -l ", "batchain -h ", "batchain sample ", "\nFiles\n", "\nNodes\n", "\nExit codes\n"} {
		next := strings.Index(out.String(), form)
		if next <= at {
			t.Errorf("%q is not after what belongs before it", form)
		}
		at = next
	}
	for _, name := range names(newTable().commands) {
		if !strings.Contains(out.String(), "\n  "+name) {
			t.Errorf("%s is not listed", name)
		}
	}
	for line := range strings.Lines(out.String()) {
		if len([]rune(line)) > 110 {
			t.Errorf("too long for a terminal: %s", line)
		}
	}
}

func TestCompletions(t *testing.T) {
	cases := map[string][]string{
		"st":                                {"status"},
		"manifest e":                        {"export"},
		"manifest export --r":               {"--repair"},
		"--json man":                        {"manifest"},
		"put --sch":                         {"--scheme"},
		"put --scheme 8+":                   {"8+12", "8+16"},
		"put --scheme=8+":                   {"--scheme=8+12", "--scheme=8+16"},
		"put --scheme = 8+":                 {"--scheme=8+12", "--scheme=8+16"},
		"put f --dur":                       {"--durability"},
		"--log-level d":                     {"debug"},
		"completion f":                      {"fish"},
		"help manifest s":                   {"show"},
		"demo kad":                          {"kademlia"},
		"-u --na":                           {"--name"},
		"put -- --na":                       nil,
		"frobnicate ":                       nil,
		"--upl":                             {"--upload"},
		"put --generate-bash-completion --": nil,
		"put --generate-bash-completion --na": {
			"--name",
		},
	}
	for line, want := range cases {
		var out strings.Builder
		newTable().complete(t.Context(), strings.Split(line, " "), &out)
		var got []string
		for l := range strings.Lines(out.String()) {
			if word, _, ok := strings.Cut(l, "\t"); ok {
				got = append(got, word)
			}
		}
		if want == nil && strings.HasSuffix(line, "--") {
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", line, got)
		}
	}
}
