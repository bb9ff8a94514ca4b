package exectest

import (
	"encoding/json"
	"fmt"
	"testing"
)

// Source is a source to be tested: one that makes at least one unit and then
// ends, and believes results when all are the same, whatever the input.
type Source struct {
	Argv    []string
	Context json.RawMessage // told in hello; nil: none
	Result  json.RawMessage // one that a unit may have
	Other   json.RawMessage // another one
}

// maxUnits is how many units a source may make until a test gives it up.
const maxUnits = 10_000

// CheckSource runs all tests of a source.
func CheckSource(t *testing.T, s Source) {
	t.Run("units", s.units)
	t.Run("units again", s.unitsAgain)
	t.Run("verdicts", s.verdicts)
	t.Run("chunks", s.chunks)
	t.Run("what failed", s.failures)
	t.Run("stop", func(t *testing.T) {
		session := s.begin(t)
		session.send(`{"type":"stop"}`)
		session.end()
	})
	t.Run("end of input", func(t *testing.T) {
		session := s.begin(t)
		session.in.Close()
		session.end()
	})
}

func (s Source) begin(t *testing.T) *session {
	t.Helper()
	return Worker{Argv: s.Argv, Context: s.Context}.begin(t)
}

// unit asks for a unit and returns the answer, "none" among them.
func (s *session) unit(id, seq int) line {
	s.t.Helper()
	s.send(fmt.Sprintf(`{"type":"next","id":%d,"seq":%d}`, id, seq))
	l := s.next()
	if l.ID != id || (l.Type != "none" && (l.Type != "unit" || l.Input == nil)) {
		s.t.Fatalf("want none, or a unit with an input, with id %d, got %.200q", id, l.text)
	}
	return l
}

// units: it makes some, each with an input, and says when there are no more.
func (s Source) units(t *testing.T) {
	session := s.begin(t)
	for seq := range maxUnits {
		if session.unit(seq+1, seq).Type == "none" {
			if seq == 0 {
				t.Fatal("it makes no unit")
			}
			return
		}
	}
	t.Fatalf("no end after %d units", maxUnits)
}

// unitsAgain: started again it is asked for the unit that comes next, and makes
// the one that it would have made.
func (s Source) unitsAgain(t *testing.T) {
	first := s.begin(t)
	var inputs []string
	for len(inputs) < 3 {
		l := first.unit(len(inputs)+1, len(inputs))
		if l.Type == "none" {
			break
		}
		inputs = append(inputs, string(l.Input))
	}
	for seq, want := range inputs {
		if l := s.begin(t).unit(1, seq); string(l.Input) != want {
			t.Errorf("unit %d was %s, and is %s when it is the first that is asked for", seq, want, l.Input)
		}
	}
}

// verdicts: results that agree are believed; what it believes of others is its own affair.
func (s Source) verdicts(t *testing.T) {
	session := s.begin(t)
	for n, test := range []struct {
		results string
		valid   bool // for sure
	}{
		{fmt.Sprintf("[%s,%s,%s]", s.Result, s.Result, s.Result), true},
		{fmt.Sprintf("[%s]", s.Other), true},
		{fmt.Sprintf("[%s,%s,%s]", s.Result, s.Other, s.Result), false},
	} {
		session.send(fmt.Sprintf(`{"type":"validate","id":%d,"input":0,"results":%s}`, n+1, test.results))
		l := session.next()
		if l.Type != "verdict" || l.ID != n+1 || (test.valid && !l.Valid) || (l.Valid && l.Data == nil) {
			t.Errorf("of %s: want a verdict, of results that agree with valid true and data, got %.200q", test.results, l.text)
		}
	}
}

// chunks: each is acknowledged, also when it comes a second time.
func (s Source) chunks(t *testing.T) {
	session := s.begin(t)
	for n, seq := range []int{0, 1, 1, 2} {
		session.send(fmt.Sprintf(`{"type":"chunk","id":%d,"seq":%d,"data":%s}`, n+1, seq, s.Result))
		if l := session.next(); l.Type != "ok" || l.ID != n+1 {
			t.Errorf("want ok with id %d, got %.200q", n+1, l.text)
		}
	}
}

// failures: a unit that came to nothing is acknowledged like another.
func (s Source) failures(t *testing.T) {
	session := s.begin(t)
	for n, code := range []string{"failed", "cancelled"} {
		session.send(fmt.Sprintf(`{"type":"chunk","id":%d,"seq":%d,"code":%q,"message":"why"}`, n+1, n, code))
		if l := session.next(); l.Type != "ok" || l.ID != n+1 {
			t.Errorf("want ok with id %d, got %.200q", n+1, l.text)
		}
	}
}
