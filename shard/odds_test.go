package shard

import (
	"errors"
	"math"
	"testing"
	"time"
)

const day = 24 * time.Hour

func odds(scheme string, halfLife, audit time.Duration) Odds {
	s, err := ParseScheme(scheme)
	if err != nil {
		panic(err)
	}
	return Odds{Scheme: s, HalfLife: halfLife, AuditEvery: audit}
}

// The simulation and the chain were written apart; where losses are frequent
// enough to be seen they agree.
func TestOddsAgree(t *testing.T) {
	for _, o := range []Odds{
		odds("1+0", 365*day, day), odds("1+1", 30*day, 7*day), odds("1+2", 30*day, 10*day), odds("2+2", 60*day, 30*day),
		odds("2+3", 20*day, 5*day), odds("4+4", 20*day, 6*day), odds("4+8", 5*day, 50*time.Hour), odds("8+12", 6*day, 3*day),
		odds("4+4", 100*day, 365*day), odds("2+2", 200*day, 1000*day), odds("1+1", 20*day, 2*time.Hour), odds("1+2", 4*day, 12*time.Hour),
	} {
		exact, seen := o.Exact(), o.Simulate(30_000)
		// Five standard deviations: this fails by chance once in a million.
		off := 5 * math.Sqrt(exact*(1-exact)/float64(seen.Trials))
		if got := float64(seen.Lost) / float64(seen.Trials); seen.Lost < 30 || math.Abs(got-exact) > off {
			t.Errorf("%s, half-life %s, audits every %s: exact %.5f, simulated %.5f (%d trials)", o.Scheme, o.HalfLife, o.AuditEvery, exact, got, seen.Trials)
		}
	}
}

func TestOddsThatAreKnown(t *testing.T) {
	for name, c := range map[string]struct {
		o    Odds
		want float64
	}{
		// one host with a half-life of a year
		"one host": {odds("1+0", 365*day, day), 0.5},
		// never audited: both are dead after a year
		"two hosts": {odds("1+1", 365*day, 366*day), 0.25},
		// all but one of four may die: 1 - P(at most 2 of 4 die)
		"four hosts": {odds("2+2", 365*day, 366*day), 5.0 / 16},
	} {
		if got := c.o.Exact(); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
	// To first order each day begins with two hosts alive: the pair dies within a
	// day, or one dies, waits for its audit and the other dies before the repair ends.
	rate := math.Ln2 / 365
	if got, want := odds("1+1", 365*day, day).Exact(), 365*rate*rate*(1+2*0.25); math.Abs(got/want-1) > 0.02 {
		t.Errorf("1+1 with audits every day: %v, about %v is expected", got, want)
	}
}

func TestOddsGrowAndShrink(t *testing.T) {
	last := 1.0
	for _, scheme := range []string{"1+0", "1+1", "1+2", "4+8", "8+12", "8+16"} {
		p := odds(scheme, OddsHalfLife, OddsAuditEvery).Exact()
		if !(p > 0 && p < last) {
			t.Errorf("%s: %v after %v", scheme, p, last)
		}
		last = p
	}
	if a, b := odds("4+4", 100*day, day).Exact(), odds("4+4", 100*day, 7*day).Exact(); a >= b {
		t.Errorf("fewer audits lose less: %v, %v", a, b)
	}
}

func TestOddsAreRepeatable(t *testing.T) {
	o := odds("1+2", 30*day, 10*day)
	if a, b := o.Simulate(1000), o.Simulate(1000); a != b {
		t.Errorf("%+v, then %+v", a, b)
	}
	eventful := odds("8+12", day, time.Hour).Simulate(1 << 30)
	if eventful.Trials == 0 || eventful.Trials > 100_000 {
		t.Errorf("%d trials of eventful years", eventful.Trials)
	}
}

func TestOddsBetween(t *testing.T) {
	if low, high := (OddsTrials{Trials: 1000}).Between(); low != 0 || high != 0.003 {
		t.Errorf("nothing lost: %v to %v", low, high)
	}
	// Wilson's interval for 10 of 100, as in the textbooks.
	if low, high := (OddsTrials{100, 10}).Between(); math.Abs(low-0.0552) > 1e-4 || math.Abs(high-0.1744) > 1e-4 {
		t.Errorf("10 of 100: %v to %v", low, high)
	}
}

func TestOddsRefuse(t *testing.T) {
	good := odds("4+4", day, day)
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, o := range []Odds{odds("4+4", 0, day), odds("4+4", day, time.Minute), odds("4+4", 260*365*day, day), {Scheme: Scheme{0, 1}, HalfLife: day, AuditEvery: day}} {
		if err := o.Validate(); !errors.Is(err, ErrOdds) && !errors.Is(err, ErrScheme) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
