package validator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/hive"
)

// manner tells the test binary to become a validator of that manner.
const manner = "BATCHAIN_VALIDATOR_MANNER"

func TestMain(m *testing.M) {
	exec.BeChild()
	if how := os.Getenv(manner); how != "" {
		become(how)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// become is a validator that believes what most say for good units, and does its
// worst for the unit "bad".
func become(how string) {
	in := bufio.NewReader(os.Stdin)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var line struct {
			Type    string
			ID      int
			Input   any
			Results []json.RawMessage
		}
		if err := json.Unmarshal(text, &line); err != nil {
			panic(err)
		}
		switch {
		case line.Type == "hello":
			fmt.Println(`{"type":"ready","proto":1}`)
		case line.Type == "validate" && line.Input == "bad":
			misbehave(how, line.ID)
		case line.Type == "validate":
			fmt.Printf(`{"type":"verdict","id":%d,"valid":true,"data":%s}`+"\n", line.ID, line.Results[0])
		case line.Type == "stop":
			return
		}
	}
}

func misbehave(how string, id int) {
	switch how {
	case "panics":
		panic("at /home/me/x.go:1")
	case "ends":
		os.Exit(3)
	case "hangs":
		select {}
	case "prints rubbish":
		for range 5 {
			fmt.Println("la la la")
		}
		select {}
	case "has no data":
		fmt.Printf(`{"type":"verdict","id":%d,"valid":true}`+"\n", id)
		fmt.Println("and\nso\non")
	case "writes without end":
		for {
			fmt.Print(strings.Repeat("x", 1<<16))
		}
	case "answers twice":
		fmt.Printf(`{"type":"verdict","id":%d,"valid":true,"data":"bad"}`+"\n", id)
		fmt.Printf(`{"type":"verdict","id":%d,"valid":true,"data":"no bee said so"}`+"\n", id)
	case "lies":
		fmt.Printf(`{"type":"verdict","id":%d,"valid":true,"data":"no bee said so"}`+"\n", id)
	case "errs":
		fmt.Printf(`{"type":"error","id":%d,"code":"no idea","message":"too hard"}`+"\n", id)
	}
}

func program(t *testing.T, how string, computes bool) *Command {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := NewCommand(exec.SourceConfig{Argv: []string{self}, Env: append(os.Environ(), manner+"="+how)}, computes)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// answer is what a bee makes of an input: what it repeats, but for the unit
// "rubbish", of which the second bee makes something that is no JSON.
func answer(n int) bee.Function {
	return func(_ context.Context, input []byte) ([]byte, error) {
		if string(input) == `"rubbish"` && n == 1 {
			return []byte("\xff{"), nil
		}
		return input, nil
	}
}

// run has a hive with two bees do units, and returns what came of each. A
// validator may take so long for one.
func run(t *testing.T, v work.Validator, patience time.Duration, inputs ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	h, err := hive.Open(hive.Config{Dir: t.TempDir(), Self: member("hive"), Strength: -1, JudgeTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	parts, inside := errgroup.WithContext(ctx)
	parts.Go(func() error { return h.Run(inside) })
	policy := work.Policy{Rule: work.Custom, GroupMax: 2, Checks: -1}
	if err := h.Create(ctx, work.Project{Name: "p", Policy: policy, Program: work.Program{Kind: work.Inline, Name: "echo"}}); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		session, err := h.Session(ctx, work.Member{Peer: member(fmt.Sprint("bee", n))})
		if err != nil {
			t.Fatal(err)
		}
		programs := bee.Inline{"echo": answer(n)}
		parts.Go(func() error {
			return bee.New(bee.Config{Hive: session, Runner: programs, Kinds: []work.Kind{work.Inline}, Names: programs.Names()}).Run(inside)
		})
	}
	for _, input := range inputs {
		if _, err := h.Add(ctx, "p", work.Unit{Input: []byte(input)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Seal(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	var got []string
	err = h.Serve(ctx, "p", hive.Handlers{Validator: v, Datachunk: func(_ context.Context, c work.Datachunk) error {
		text := string(c.Output)
		if c.State != work.Valid {
			text = c.State.String() + ": " + c.Reason
		}
		got = append(got, text)
		return nil
	}})
	cancel()
	if ending := parts.Wait(); err != nil || ending != nil {
		t.Fatalf("%v, %v", err, ending)
	}
	return got
}

func member(name string) peer.ID { return peer.ID([]byte{0, byte(len(name))}) + peer.ID(name) }

// Whatever a program does to one unit: that fails, with a reason without
// stack or path, and the others do not.
func TestCommands(t *testing.T) {
	for how, want := range map[string]string{
		"panics": "failed: validator: validate 2 results: died", "ends": "failed: validator: validate 2 results: died",
		"hangs": "failed: ", "prints rubbish": "failed: validator: validate 2 results: protocol",
		"has no data":        "failed: validator: validate 2 results: protocol",
		"writes without end": "failed: validator: validate 2 results: protocol", "lies": "failed: " + ErrNotGiven.Error(),
		"errs": "failed: validator: validate 2 results: worker no idea: too hard",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			patience := time.Minute
			if how == "hangs" {
				patience = 5 * time.Second
			}
			got := run(t, program(t, how, false), patience, `"good"`, `"bad"`, `"rubbish"`, `{"also":"good"}`)
			if len(got) != 4 || got[0] != `"good"` || got[2] != `"rubbish"` || got[3] != `{"also":"good"}` {
				t.Errorf("good units came to %q", got)
			}
			if len(got) == 4 && (!strings.HasPrefix(got[1], want) || strings.ContainsAny(got[1], "\n") || strings.Contains(got[1], "goroutine")) {
				t.Errorf("the bad one came to %q, want %q", got[1], want)
			}
		})
	}
}

// A verdict that was given counts, and no second one, of this unit or of the next.
func TestSecondVerdict(t *testing.T) {
	inputs := []string{`"bad"`, `"good"`, `"bad"`, `"rubbish"`}
	for n, got := range run(t, program(t, "answers twice", false), time.Minute, inputs...) {
		if got != inputs[n] {
			t.Errorf("unit %s came to %s", inputs[n], got)
		}
	}
}

// What a validator that computes names is taken, though no bee said so.
func TestComputes(t *testing.T) {
	if got := run(t, program(t, "lies", true), time.Minute, `"bad"`); got[0] != `"no bee said so"` {
		t.Errorf("%q", got)
	}
}

// The examples in Python judge as well.
func TestPython(t *testing.T) {
	python, err := osexec.LookPath("python3")
	if err != nil {
		t.Skip("skipped: there is no python3 here")
	}
	c := NewCommand(exec.SourceConfig{Argv: []string{python, filepath.Join("..", "exec", "testdata", "source.py")}, Context: []byte(`{"units":1,"count":1}`)}, false)
	defer c.Close()
	if got := run(t, c, time.Minute, "7", "[1, 2]"); got[0] != "7" || got[1] != "[1, 2]" {
		t.Errorf("%q", got)
	}
}

func answers(outputs ...string) (all []work.Answer) {
	for _, o := range outputs {
		all = append(all, work.Answer{Output: []byte(o)})
	}
	return all
}

func TestJudge(t *testing.T) {
	const big, next = "9007199254740993", "9007199254740992" // one float64
	for name, test := range map[string]struct {
		answers  []work.Answer
		value    string
		computes bool
		want     string // output, and who is wrong
	}{
		"the same bytes":      {answers("1", "2", "1"), "1", false, "1 [1]"},
		"blanks":              {answers(`{"a": 1}`, `{"a":1}`), `{"a":1}`, false, `{"a": 1} []`},
		"another way":         {answers("1.0", "2", "1e0"), "1", false, "1.0 [1]"},
		"bytes before floats": {answers(next, big), big, false, big + " [0]"},
		"rubbish is wrong":    {answers("\xff", "1", "{"), "1", false, "1 [0 2]"},
		"nothing is JSON":     {answers("\xff", "{"), "never asked", false, " []"},
		"nothing is believed": {answers("1", "2"), "", false, " []"},
		"computed":            {answers("1", "x", "2"), "1.5", true, "1.5 [1]"},
	} {
		j, err := Judge(t.Context(), work.Unit{Input: []byte("no JSON")}, test.answers, test.computes, func(_ context.Context, input json.RawMessage, results []json.RawMessage) (json.RawMessage, error) {
			if input != nil || len(results) > len(test.answers) {
				t.Errorf("%s: it was shown %s and %d results", name, input, len(results))
			}
			if test.value == "" {
				return nil, nil
			}
			return json.RawMessage(test.value), nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := fmt.Sprintf("%s %v", j.Output, j.Wrong); got != test.want || j.Valid != (len(j.Output) > 0) {
			t.Errorf("%s: %s, %v; want %s", name, got, j.Valid, test.want)
		}
	}
	_, err := Judge(t.Context(), work.Unit{}, answers("1", "2"), false, func(context.Context, json.RawMessage, []json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage("3"), nil
	})
	if !errors.Is(err, ErrNotGiven) {
		t.Errorf("a value of nobody: %v", err)
	}
}

func TestClosed(t *testing.T) {
	c := program(t, "good", false)
	if _, err := c.Judge(t.Context(), work.Unit{}, answers("1")); err != nil {
		t.Error(err)
	}
	c.Close()
	if _, err := c.Judge(t.Context(), work.Unit{}, answers("1")); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
