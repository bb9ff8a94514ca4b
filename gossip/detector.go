package gossip

import (
	"math"
	"time"
)

// maxPhi is what phi is capped at; the tail of a distribution has no end.
const maxPhi = 300

// detector holds when the heartbeats of one member came, and tells how
// suspicious its silence is. It keeps the last Window intervals.
type detector struct {
	intervals  []time.Duration // ring
	next       int
	sum        float64   // of the intervals, seconds
	squares    float64   // of their squares
	last       time.Time // when the last heartbeat came; zero: none has
	signed     time.Time // when another sign of life came
	longest    time.Duration
	windowSize int
}

func newDetector(window int, interval time.Duration) detector {
	return detector{windowSize: max(window, minSamples), longest: maxIntervals * interval}
}

// heard takes a new heartbeat. A silence that was too long to be a sample, as
// an outage is, counts for nothing.
func (d *detector) heard(now time.Time) {
	since := now.Sub(d.last)
	if !d.last.IsZero() && since <= d.longest {
		d.add(since)
	}
	d.last = now
}

func (d *detector) add(interval time.Duration) {
	s := interval.Seconds()
	d.sum += s
	d.squares += s * s
	if len(d.intervals) < d.windowSize {
		d.intervals = append(d.intervals, interval)
		return
	}
	old := d.intervals[d.next].Seconds()
	d.sum -= old
	d.squares -= old * old
	d.intervals[d.next] = interval
	d.next = (d.next + 1) % d.windowSize
}

// reset forgets what was, when it says nothing of what comes.
func (d *detector) reset() {
	*d = detector{intervals: d.intervals[:0], longest: d.longest, windowSize: d.windowSize}
}

// shift forgives a silence that was our own.
func (d *detector) shift(now time.Time, by time.Duration) {
	for _, t := range [...]*time.Time{&d.last, &d.signed} {
		if !t.IsZero() {
			*t = earlier(t.Add(by), now)
		}
	}
}

// enough reports whether there are samples to go by.
func (d *detector) enough() bool { return len(d.intervals) >= minSamples }

func (d *detector) mean() float64 { return d.sum / float64(len(d.intervals)) }

func (d *detector) deviation() float64 {
	m := d.mean()
	return math.Sqrt(max(d.squares/float64(len(d.intervals))-m*m, 0))
}

// sign notes a sign of life that is no heartbeat.
func (d *detector) sign(now time.Time) { d.signed = now }

// silence is how long no sign of life has come.
func (d *detector) silence(now time.Time) time.Duration {
	return max(now.Sub(later(d.last, d.signed)), 0)
}

// phi is the suspicion at now: -log10 of the chance that a live member is
// silent for so long. Without enough samples it is 0.
func (d *detector) phi(now time.Time, o *Options) float64 {
	if !d.enough() {
		return 0
	}
	t := d.silence(now).Seconds()
	if o.Phi == Exponential {
		return exponentialPhi(t, d.mean())
	}
	mean := d.mean() + o.Margin.Seconds()
	return normalPhi(t, mean, max(d.deviation(), d.mean()/4, 0.1*o.Interval.Seconds()))
}

// exponentialPhi is gossipmonger's: -ln(exp(-t/mean)) / ln 10.
func exponentialPhi(t, mean float64) float64 { return min(t/mean/math.Ln10, maxPhi) }

// normalPhi is Hayashibara's: -log10 of the tail of the normal distribution
// beyond t. Far out, where erfc is no number any more, its asymptote.
func normalPhi(t, mean, deviation float64) float64 {
	y := (t - mean) / deviation
	if y > 30 {
		return min(y*y/2*math.Log10E+math.Log10(y*math.Sqrt(2*math.Pi)), maxPhi)
	}
	return -math.Log10(math.Erfc(y/math.Sqrt2) / 2)
}
