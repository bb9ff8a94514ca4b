package work

import (
	"fmt"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

// votes makes answers of digests, one a letter.
func votes(letters string, trust ...float64) (answers []Answer) {
	for i, letter := range letters {
		a := Answer{Peer: peer.ID(fmt.Sprint(i)), Digest: Digest{byte(letter)}, Trust: 0.9}
		if i < len(trust) {
			a.Trust = trust[i]
		}
		answers = append(answers, a)
	}
	return answers
}

func TestJudgeByVotes(t *testing.T) {
	tests := []struct {
		policy Policy
		votes  string
		want   string // the letter believed, "void", or how many more
	}{
		{Policy{Rule: Equal, GroupMax: 3}, "", "3"},
		{Policy{Rule: Equal, GroupMax: 3}, "aa", "1"},
		{Policy{Rule: Equal, GroupMax: 3}, "aaa", "a"},
		{Policy{Rule: Equal, GroupMax: 3}, "aaaa", "a"},
		{Policy{Rule: Equal, GroupMax: 3}, "ab", "void"},
		{Policy{Rule: Majority, GroupMax: 5}, "", "3"},
		{Policy{Rule: Majority, GroupMax: 5}, "aab", "1"},
		{Policy{Rule: Majority, GroupMax: 5}, "aaba", "a"},
		{Policy{Rule: Majority, GroupMax: 4}, "aabb", "1"},
		{Policy{Rule: Quorum, Quorum: 2}, "abc", "1"},
		{Policy{Rule: Quorum, Quorum: 2}, "abcb", "b"},
		{Policy{Rule: Quorum, Quorum: 1}, "a", "a"},
	}
	for _, test := range tests {
		v, err := test.policy.judge(votes(test.votes), &Look{})
		if got := said(v, err); got != test.want {
			t.Errorf("rule %d, %q: %s, want %s", test.policy.Rule, test.votes, got, test.want)
		}
	}
}

func said(v verdict, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case v.void:
		return "void"
	case v.ask:
		return "ask"
	case v.believed && v.output != nil:
		return string(v.output)
	case v.believed:
		return string(v.digest[0])
	}
	return fmt.Sprint(v.more)
}

func TestJudgeByCredibility(t *testing.T) {
	tests := []struct {
		name  string
		votes string
		trust []float64
		want  string
	}{
		{"nothing", "", nil, "1"},
		{"one of whom nothing is known", "a", []float64{0.9}, "1"},
		{"two of those, agreed", "aa", []float64{0.9, 0.9}, "a"},
		{"two of those, not agreed", "ab", []float64{0.9, 0.9}, "1"},
		{"one who is trusted", "a", []float64{0.9991}, "a"},
		{"one who nearly is", "a", []float64{0.9989}, "1"},
		{"trusted against unknown", "ab", []float64{0.9992, 0.9}, "1"},
		{"two against one", "aab", []float64{0.99, 0.99, 0.9}, "a"},
		{"exiled ones have no vote", "bbba", []float64{0, 0, 0, 0.9995}, "a"},
		{"nor do they hold up others", "aaa", []float64{0, 0.9, 0.9}, "a"},
		{"only exiled ones", "aaa", []float64{0, 0, 0}, "1"},
		{"trust without limit", "a", []float64{1}, "a"},
	}
	p := Policy{}.WithDefaults()
	for _, test := range tests {
		v, err := p.judge(votes(test.votes, test.trust...), &Look{})
		if got := said(v, err); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	v, _ := p.judge(votes("aab", 0.99, 0.99, 0.9), &Look{})
	if want := []AttemptState{Right, Right, Wrong}; !slices.Equal(v.marks, want) {
		t.Errorf("marks %v, want %v", v.marks, want)
	}
}

func TestJudgeNumbers(t *testing.T) {
	tolerance := Policy{Rule: Tolerance, Quorum: 2, Absolute: 0.1}
	tests := []struct {
		policy  Policy
		outputs []string
		want    string // the index believed, the output made, or how many more
	}{
		{tolerance, []string{"1"}, "1"},
		{tolerance, []string{"1", "1.2"}, "1"},
		{tolerance, []string{"1", "1.2", "1.25"}, "=1"},
		{tolerance, []string{"rubbish", "7", "rubbish", "7.05"}, "=1"},
		{tolerance, []string{"[1,2]", "[1,3]", "[1]", "[1.05,2]"}, "=0"},
		{Policy{Rule: Tolerance, Quorum: 2, Relative: 0.01}, []string{"1000", "1009"}, "=0"},
		{Policy{Rule: Mean, GroupMax: 2}, []string{"1"}, "1"},
		{Policy{Rule: Mean, GroupMax: 2}, []string{"1", "2"}, "1.5"},
		{Policy{Rule: Mean, GroupMax: 3}, []string{"[1,10]", "[2,20]", "rubbish"}, "[1.5,15]"},
		{Policy{Rule: Median, GroupMax: 3}, []string{"1", "900", "2"}, "2"},
		{Policy{Rule: Median, GroupMax: 2}, []string{"1", "2"}, "1.5"},
		{Policy{Rule: Mean, GroupMax: 2}, []string{"x", "y"}, "answers are no numbers, or not equally many"},
		{Policy{Rule: Mean, GroupMax: 2}, []string{"1", "[1,2]"}, "answers are no numbers, or not equally many"},
	}
	for _, test := range tests {
		var answers []Answer
		for i, output := range test.outputs {
			answers = append(answers, Answer{Digest: Digest{byte(i)}, Output: []byte(output)})
		}
		v, err := test.policy.judge(answers, &Look{})
		got := said(v, err)
		if err == nil && v.believed && v.output == nil {
			got = fmt.Sprint("=", v.digest[0])
		}
		if got != test.want {
			t.Errorf("rule %d of %q: %s, want %s", test.policy.Rule, test.outputs, got, test.want)
		}
	}
}

// What a project's own validator says is believed only as far as it can be.
func TestJudge(t *testing.T) {
	tests := []struct {
		name   string
		j      Judgement
		broken error
		state  GroupState
		caught int
	}{
		{"all right", Judgement{Valid: true, Output: []byte("x")}, nil, Valid, 0},
		{"one wrong", Judgement{Valid: true, Output: []byte("x"), Wrong: []int{1}}, nil, Valid, 1},
		{"no output", Judgement{Valid: true}, nil, Valid, 0},
		{"proves nothing", Judgement{}, nil, Open, 0},
		{"speaks of an answer that is not there", Judgement{Valid: true, Wrong: []int{2}}, nil, Open, 0},
		{"speaks of answer -1", Judgement{Valid: true, Wrong: []int{-1}}, nil, Open, 0},
		{"makes too much", Judgement{Valid: true, Output: make([]byte, MaxOutput+1)}, nil, Open, 0},
		{"broke", Judgement{}, fmt.Errorf("it panicked"), Open, 0},
	}
	p := terms(Policy{Rule: Custom, GroupMax: 2})
	for _, test := range tests {
		g := &Group{State: Open}
		for n := range 2 {
			if err := g.Answer(g.Lease(member(n), p, 0), Digest{1}, 0, 1); err != nil {
				t.Fatal(err)
			}
		}
		if d := mustStep(t, p, g, 2); !d.Ask || g.State != Validating {
			t.Fatalf("%s: the validator is not asked: %+v", test.name, d)
		}
		d := Judge(&p.Policy, g, []int{0, 1}, test.j, test.broken, 3)
		if g.State != test.state || len(d.Caught) != test.caught {
			t.Errorf("%s: %v, caught %v", test.name, g.State, d.Caught)
		}
	}
}

func TestValidatorThatBreaksThriceFailsTheUnit(t *testing.T) {
	p := terms(Policy{Rule: Custom, GroupMax: 1})
	g := &Group{State: Open}
	if err := g.Answer(g.Lease(member(0), p, 0), Digest{1}, 0, 1); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if d := mustStep(t, p, g, 2); !d.Ask {
			t.Fatalf("not asked: %+v", d)
		}
		Judge(&p.Policy, g, []int{0}, Judgement{}, fmt.Errorf("it hangs"), 3)
	}
	if g.State != Failed || g.Reason != "it hangs" {
		t.Errorf("%v: %s", g.State, g.Reason)
	}
}
