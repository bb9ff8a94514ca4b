package store

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// cpuSeconds is the processor time this process has used.
func cpuSeconds() float64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// residentMiB is the memory that this process has: its own, and the pages of
// files that it has mapped.
func residentMiB() (own, mapped float64) {
	var all, resident, shared float64
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, 0
	}
	if _, err := fmt.Sscan(string(text), &all, &resident, &shared); err != nil {
		return 0, 0
	}
	page := float64(os.Getpagesize()) / (1 << 20)
	return (resident - shared) * page, shared * page
}
