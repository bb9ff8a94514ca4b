package exec

import (
	"runtime"
	"testing"
	"time"
)

// What is not set is what is written where it is declared.
func TestDefaults(t *testing.T) {
	c := Config{}.withDefaults()
	if c.Slots != runtime.NumCPU() || c.Memory != 1<<30 || c.Wall != 24*time.Hour || c.Cache != 1<<30 ||
		c.CompileTime != time.Minute || c.CompileMemory != 2<<30 || len(c.Commands) > 0 || c.Logger == nil {
		t.Errorf("%+v", c)
	}
	if l := (Limits{}).withDefaults(); l != (Limits{Memory: 256 << 20, Output: 1 << 20, Wall: time.Minute}) {
		t.Errorf("%+v", l)
	}
	if readyTime != 30*time.Second || graceTime != 10*time.Second || pingTime != 5*time.Second || strikes != 3 {
		t.Error("the times of the line protocol are others")
	}
}
