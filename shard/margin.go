package shard

import "slices"

// Margin is the most hosts that may be lost, whichever they are, so that Data
// indices of the segment are still there; -1 when too few are there already.
// A host that holds several indices takes them all along. Where an index lies
// at several hosts the figure is a lower bound.
func Margin(s Scheme, placed []Placement) int {
	indices := map[uint8]bool{}
	load := map[uint16]int{}
	seen := map[Placement]bool{}
	for _, p := range placed {
		if seen[p] {
			continue
		}
		seen[p] = true
		indices[p.Index] = true
		load[p.Host]++
	}
	if s.Data == 1 {
		return len(load) - 1
	}
	left := len(indices)
	if left < s.Data {
		return -1
	}
	loads := make([]int, 0, len(load))
	for _, n := range load {
		loads = append(loads, n)
	}
	slices.Sort(loads)
	slices.Reverse(loads)
	margin := 0
	for _, n := range loads {
		if left -= n; left < s.Data {
			break
		}
		margin++
	}
	return margin
}
