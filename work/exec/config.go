package exec

import (
	"cmp"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a [Pool] works with. Dir is needed; other zero fields are the
// defaults.
type Config struct {
	Dir           string        // of what the pool keeps; made, 0700
	Slots         int           // units at once, and workers kept without work; one a processor
	Memory        int64         // the most bytes that a unit may ask for; 1 GiB
	Wall          time.Duration // the longest that a unit may ask for; 1 day
	Cache         int64         // bytes of compiled modules on disk; 1 GiB
	CompileTime   time.Duration // of a processor, for one module; 1 min. Ten times that by the wall clock
	CompileMemory int64         // bytes, for one module; 2 GiB
	Eager         bool          // children have the priority of this process, not the lowest
	Commands      []Command     // native programs that units may use; see [Layers]
	Logger        *slog.Logger  // nil: discard
	Registerer    prometheus.Registerer
}

func (c Config) withDefaults() Config {
	c.Slots = cmp.Or(c.Slots, runtime.NumCPU())
	c.Memory = cmp.Or(c.Memory, 1<<30)
	c.Wall = cmp.Or(c.Wall, 24*time.Hour)
	c.Cache = cmp.Or(c.Cache, 1<<30)
	c.CompileTime = cmp.Or(c.CompileTime, time.Minute)
	c.CompileMemory = cmp.Or(c.CompileMemory, 2<<30)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
