package hive

import (
	"math"
	"slices"
)

// pace remembers how long the last attempts of a project took, in
// milliseconds.
type pace struct {
	times [64]int64
	n     int
}

func (p *pace) note(ms int64) {
	p.times[p.n%len(p.times)] = max(0, ms)
	p.n++
}

// mean is what one task costs a bee, for sharing them fairly; at least 1.
func (p *pace) mean() float64 {
	n := min(p.n, len(p.times))
	sum := 0.0
	for _, t := range p.times[:n] {
		sum += float64(t)
	}
	return max(1, sum/float64(max(1, n)))
}

// slow is when an attempt takes too long: three times what 95 of 100 took,
// and 1 s at least. Nothing is while few have ended.
func (p *pace) slow() int64 {
	const least, few = 1000, 8
	n := min(p.n, len(p.times))
	if n < few {
		return math.MaxInt64
	}
	sorted := slices.Clone(p.times[:n])
	slices.Sort(sorted)
	return max(least, 3*sorted[(n*95)/100])
}

// patience is how long an invited bee has time to ask for a unit: twice what a task takes it,
// which it may have to end before, and 1 s at least.
func (p *pace) patience() int64 {
	return max(1000, int64(2*p.mean()))
}
