package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// machine is where the figures come from.
type machine struct {
	OS         string  `json:"os"`
	Go         string  `json:"go"`
	Processors int     `json:"processors"`
	Sync       float64 `json:"sync_ms"` // to write 4 KiB and have them on the disk, median
	Load       string  `json:"load"`    // when it began
}

func describe(dir string) machine {
	m := machine{OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Processors: runtime.NumCPU()}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	}
	m.Sync = syncTime(dir)
	return m
}

// syncTime returns how long a synced write takes, in milliseconds; 0 when that
// cannot be told.
func syncTime(dir string) float64 {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	took := make([]time.Duration, 50)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0
		}
		if err := f.Sync(); err != nil {
			return 0
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return float64(took[len(took)/2].Microseconds()) / 1000
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %s, %d processors (load %s), %.2f ms for a synced write", m.OS, m.Go, m.Processors, m.Load, m.Sync)
}
