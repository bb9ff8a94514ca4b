package shard

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Odds is a model of how a file is lost. The file lies on Data+Parity hosts,
// one shard of each segment on each.
//
//	hosts    die for ever, independently of each other; half of them within HalfLife
//	audits   come every AuditEvery and see all deaths until then
//	repair   begins at an audit that finds margin ≤ ⌊Parity/2⌋, takes 6 h (at most half
//	         of AuditEvery), and replaces what that audit saw by fresh hosts, which
//	         are always to be had
//	loss     is when more than Parity hosts are dead at one time
//
// It knows nothing of failures that come together, which is how systems like
// this one lose files in earnest: one power cut, one provider, one version with
// a fault, one person with many hosts. Its small figures say only that chance
// alone will not do it.
type Odds struct {
	Scheme     Scheme
	HalfLife   time.Duration
	AuditEvery time.Duration
}

// The defaults of the model. That half of the hosts are gone after a year is an
// assumption, not a measurement: disks live longer, and people's patience does
// not. Audits come more often than once a day, but a host that cannot be
// reached counts as lost only after 24 h.
const (
	OddsHalfLife   = 365 * 24 * time.Hour
	OddsAuditEvery = 24 * time.Hour
)

// The bounds of the model, for its work to be bounded too.
const (
	oddsShortest = time.Hour
	oddsLongest  = 250 * oddsYear
	oddsYear     = 365 * 24 * time.Hour
	oddsRepair   = 6 * time.Hour
	oddsEvents   = 5_000_000 // of one simulation
)

// ErrOdds means that the model has no answer for the values given.
var ErrOdds = errors.New("odds cannot be told")

// Validate returns [ErrOdds] or [ErrScheme], wrapped, unless both time spans
// are at least an hour and at most 250 years.
func (o Odds) Validate() error {
	if o.HalfLife < oddsShortest || o.HalfLife > oddsLongest {
		return fmt.Errorf("%w for a half-life of %s: an hour to 250 years", ErrOdds, o.HalfLife)
	}
	if o.AuditEvery < oddsShortest || o.AuditEvery > oddsLongest {
		return fmt.Errorf("%w for audits every %s: an hour to 250 years", ErrOdds, o.AuditEvery)
	}
	return o.Scheme.Validate()
}

// Repair is how long a repair takes in the model.
func (o Odds) Repair() time.Duration { return min(oddsRepair, o.AuditEvery/2) }

// due tells whether an audit that finds so many hosts dead begins a repair.
func (o Odds) due(dead int) bool { return dead > 0 && o.Scheme.Parity-dead <= o.Scheme.Parity/2 }

// rate is the deaths of one host in an hour.
func (o Odds) rate() float64 { return math.Ln2 / o.HalfLife.Hours() }

// Exact returns the chance that the file is lost within a year: exact for the
// model, up to the rounding of floating point. It is a Markov chain whose state
// at an audit is the number of dead hosts; "lost" is a state it never leaves.
func (o Odds) Exact() float64 {
	periods, rest := int(oddsYear/o.AuditEvery), oddsYear%o.AuditEvery
	year := o.step(rest)
	for whole := o.step(o.AuditEvery); periods > 0; periods /= 2 {
		if periods%2 == 1 {
			year = whole.times(year)
		}
		whole = whole.times(whole)
	}
	return year[0][o.Scheme.Parity+1]
}

// chain holds the chance to go from a state, the row, to another; the last
// state is that the file is lost. Nothing is ever subtracted, so that small
// chances are as precise as large ones.
type chain [][]float64

func newChain(states int) chain {
	c := make(chain, states)
	for i := range c {
		c[i] = make([]float64, states)
	}
	return c
}

// times is c and then d.
func (c chain) times(d chain) chain {
	product := newChain(len(c))
	for i, row := range c {
		for k, p := range row {
			if p == 0 {
				continue
			}
			for j, q := range d[k] {
				product[i][j] += p * q
			}
		}
	}
	return product
}

// step is what happens from an audit on for a span, at most until the next.
func (o Odds) step(span time.Duration) chain {
	mending := min(o.Repair(), span)
	plain, during, after := o.deaths(span), o.deaths(mending), o.deaths(span-mending)
	lost := o.Scheme.Parity + 1
	c := newChain(lost + 1)
	for dead := range lost {
		if !o.due(dead) {
			c[dead] = plain[dead]
			continue
		}
		for worse := dead; worse < lost; worse++ {
			for then, q := range after[worse-dead] {
				c[dead][then] += during[dead][worse] * q
			}
		}
		c[dead][lost] += during[dead][lost]
	}
	c[lost][lost] = 1
	return c
}

// deaths is what a span without audits does: of those alive, a binomial number
// dies.
func (o Odds) deaths(span time.Duration) chain {
	n, lost := o.Scheme.Shards(), o.Scheme.Parity+1
	die, live := -math.Expm1(-o.rate()*span.Hours()), math.Exp(-o.rate()*span.Hours())
	c := newChain(lost + 1)
	for dead := range lost {
		alive := n - dead
		p := math.Pow(live, float64(alive)) // that none dies
		for more := 0; more <= alive; more++ {
			c[dead][min(dead+more, lost)] += p
			p *= die / live * float64(alive-more) / float64(more+1)
		}
	}
	c[lost][lost] = 1
	return c
}

// OddsTrials is the result of a simulation: in Lost of Trials years the file
// was lost.
type OddsTrials struct{ Trials, Lost int }

// Simulate plays years by chance, always with the same numbers for the same
// model. It plays fewer than trials when they are too eventful.
func (o Odds) Simulate(trials int) OddsTrials {
	draw := rand.New(rand.NewPCG(1, 1))
	var r OddsTrials
	for events := 0; r.Trials < trials && events < oddsEvents; r.Trials++ {
		lost, happened := o.play(draw)
		events += happened
		if lost {
			r.Lost++
		}
	}
	return r
}

// play is one year, event by event, in hours.
func (o Odds) play(draw *rand.Rand) (lost bool, events int) {
	every, repair, rate := o.AuditEvery.Hours(), o.Repair().Hours(), o.rate()
	now, dead, mending := 0.0, 0, 0 // mending: how many dead hosts the running repair replaces
	for ends := 0.0; ; events++ {
		death := now + draw.ExpFloat64()/(rate*float64(o.Scheme.Shards()-dead))
		other := math.Inf(1)
		switch {
		case mending > 0:
			other = ends
		case o.due(dead):
			other = (math.Floor(now/every) + 1) * every
		}
		if now = min(death, other); now >= oddsYear.Hours() {
			return false, events
		}
		switch {
		case death < other:
			if dead++; dead > o.Scheme.Parity {
				return true, events
			}
		case mending > 0:
			dead, mending = dead-mending, 0
		default:
			mending, ends = dead, now+repair
		}
	}
}

// Between returns the bounds of the chance that the trials leave, with 95 %
// confidence: Wilson's interval, and where nothing was lost 0 and 3 / Trials
// (the rule of three).
func (r OddsTrials) Between() (low, high float64) {
	n, p := float64(r.Trials), float64(r.Lost)/float64(r.Trials)
	if r.Lost == 0 {
		return 0, min(1, 3/n)
	}
	const z = 1.96
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half)
}
