package work

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/wire"
)

func wasm() Program { return Program{Kind: WASM, Module: make([]byte, 32)} }

// The defaults are those of the table of settings.
func TestDefaults(t *testing.T) {
	p := Project{Name: "p", Program: wasm()}.WithDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if p.Lease != time.Minute || p.Deadline != 24*time.Hour || p.Weight != 1 {
		t.Errorf("%+v", p)
	}
	want := Policy{
		Rule: Credible, GroupMax: 10, Quorum: 2, Relative: 1e-9, Attempts: 32, Errors: 3, Networks: 2,
		Threshold: 0.999, Faulty: 0.1, Checks: 0.05,
	}
	if p.Policy != want {
		t.Errorf("%+v, want %+v", p.Policy, want)
	}
	if again := p.WithDefaults(); again.Policy != p.Policy || again.Lease != p.Lease {
		t.Error("defaults of defaults are others")
	}
}

func TestValidate(t *testing.T) {
	tests := map[string]func(*Project){
		"no name":                    func(p *Project) { p.Name = "" },
		"a path for a name":          func(p *Project) { p.Name = "../p" },
		"a long name":                func(p *Project) { p.Name = strings.Repeat("p", 65) },
		"no program":                 func(p *Project) { p.Program = Program{} },
		"a module cut short":         func(p *Project) { p.Program.Module = make([]byte, 31) },
		"a command without a name":   func(p *Project) { p.Program = Program{Kind: Native} },
		"an unknown kind":            func(p *Project) { p.Program.Kind = 9 },
		"too many arguments":         func(p *Project) { p.Program.Args = make([]string, 33) },
		"a long argument":            func(p *Project) { p.Program.Args = []string{strings.Repeat("x", 1025)} },
		"too much output":            func(p *Project) { p.Program.Limits.Output = MaxOutput + 1 },
		"less than no time":          func(p *Project) { p.Program.Limits.Wall = -1 },
		"a lease of a microsecond":   func(p *Project) { p.Lease = time.Microsecond },
		"a deadline in the past":     func(p *Project) { p.Deadline = -time.Hour },
		"too much weight":            func(p *Project) { p.Weight = 1001 },
		"an unknown rule":            func(p *Project) { p.Policy.Rule = 9 },
		"a group that is too large":  func(p *Project) { p.Policy.GroupMax = 65 },
		"a quorum that is too large": func(p *Project) { p.Policy.Quorum = 40 },
		"a threshold of 1":           func(p *Project) { p.Policy.Threshold = 1 },
		"a threshold of no number":   func(p *Project) { p.Policy.Threshold = math.NaN() },
		"cheats in the majority":     func(p *Project) { p.Policy.Faulty = 0.5 },
		"nothing but checks":         func(p *Project) { p.Policy.Checks = 1 },
		"a negative tolerance":       func(p *Project) { p.Policy.Absolute = -1 },
		"a tolerance of no number":   func(p *Project) { p.Policy.Relative = math.NaN() },
	}
	for name, spoil := range tests {
		p := Project{Name: "p", Program: wasm()}.WithDefaults()
		spoil(&p)
		if p.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	units := map[string]Unit{
		"input":    {Input: make([]byte, MaxInput+1)},
		"key":      {Key: strings.Repeat("k", MaxKey+1)},
		"priority": {Priority: MaxPriority + 1},
	}
	for name, u := range units {
		if err := u.Validate(); err == nil || (name != "priority" && !errors.Is(err, wire.ErrTooBig)) {
			t.Errorf("a unit with too much %s: %v", name, err)
		}
	}
}

// Every field of a program is part of its name.
func TestProgramID(t *testing.T) {
	programs := []Program{
		wasm(), {Kind: Native, Name: "a"}, {Kind: Inline, Name: "a"}, {Kind: Inline, Name: "b"},
		{Kind: Inline, Name: "a", Args: []string{"x"}}, {Kind: Inline, Name: "a", Limits: Limits{Fuel: 1}},
	}
	seen := map[ProgramID]bool{}
	for _, p := range programs {
		id, again := p.ID(), p.ID()
		if seen[id] || id != again {
			t.Errorf("%+v has the name of another one", p)
		}
		seen[id] = true
	}
}

func TestWishRuns(t *testing.T) {
	w := Wish{Kinds: []Kind{WASM, Inline}, Names: []string{"a"}}
	var got []bool
	for _, p := range []Program{wasm(), {Kind: Inline, Name: "a"}, {Kind: Inline, Name: "b"}, {Kind: Native, Name: "a"}} {
		got = append(got, w.Runs(&p))
	}
	if want := []bool{true, true, false, false}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What an owner gives is compared with what a unit may use, said or not.
func TestWishLacks(t *testing.T) {
	tests := []struct {
		wish   Wish
		limits Limits
		want   string
	}{
		{Wish{}, Limits{Memory: 1 << 40, Wall: time.Hour}, ""},
		{Wish{Memory: 256 << 20, Wall: time.Minute}, Limits{}, ""},
		{Wish{Memory: 256<<20 - 1}, Limits{}, "a unit may use 256 MiB of memory"},
		{Wish{Memory: 1 << 30}, Limits{Memory: 2 << 30}, "a unit may use 2048 MiB of memory"},
		{Wish{Wall: 30 * time.Second}, Limits{}, "a unit may take 1m0s"},
		{Wish{Memory: 1 << 30, Wall: time.Hour}, Limits{Memory: 1 << 30, Wall: time.Hour}, ""},
	}
	for _, test := range tests {
		p := wasm()
		p.Limits = test.limits
		if got := test.wish.Lacks(&p); got != test.want {
			t.Errorf("%+v of %+v: %q, want %q", test.limits, test.wish, got, test.want)
		}
	}
}

func TestStatesHaveWords(t *testing.T) {
	if Cancelled.String() != "cancelled" || NotNeeded.String() != "not needed" || GroupState(0).String() != "unknown" || AttemptState(99).String() != "unknown" {
		t.Error(Cancelled, NotNeeded, GroupState(0), AttemptState(99))
	}
}
