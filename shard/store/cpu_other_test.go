//go:build !linux

package store

// cpuSeconds is not measured here.
func cpuSeconds() float64 { return 0 }

// residentMiB is not measured here.
func residentMiB() (own, mapped float64) { return 0, 0 }
