package exectest

import (
	"encoding/json"
	"fmt"
	"testing"
)

// Source is a source to be tested: one that makes at least one unit and then
// ends, and believes results when all are the same.
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
	t.Run("verdicts", s.verdicts)
	t.Run("chunks", s.chunks)
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

// units: it makes some, each with an input, and says when there are no more.
func (s Source) units(t *testing.T) {
	session := s.begin(t)
	for id := 1; id < maxUnits; id++ {
		session.send(fmt.Sprintf(`{"type":"next","id":%d}`, id))
		switch l := session.next(); {
		case l.ID == id && l.Type == "none" && id > 1:
			return
		case l.ID != id || l.Type != "unit" || l.Input == nil:
			t.Fatalf("want a unit with id %d and an input, got %.200q", id, l.text)
		}
	}
	t.Fatalf("no end after %d units", maxUnits)
}

// verdicts: results that agree are believed, others are not.
func (s Source) verdicts(t *testing.T) {
	session := s.begin(t)
	for n, test := range []struct {
		results string
		valid   bool
	}{
		{fmt.Sprintf("[%s,%s,%s]", s.Result, s.Result, s.Result), true},
		{fmt.Sprintf("[%s]", s.Other), true},
		{fmt.Sprintf("[%s,%s,%s]", s.Result, s.Other, s.Result), false},
	} {
		session.send(fmt.Sprintf(`{"type":"validate","id":%d,"results":%s}`, n+1, test.results))
		l := session.next()
		if l.Type != "verdict" || l.ID != n+1 || l.Valid != test.valid || (l.Valid && l.Data == nil) {
			t.Errorf("of %s: want a verdict with valid %v, got %.200q", test.results, test.valid, l.text)
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
