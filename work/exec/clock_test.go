package exec

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestClockStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		var expired atomic.Bool
		stop := c.start(10*time.Second, func() { expired.Store(true) })
		for range 3 {
			time.Sleep(3 * time.Second)
			c.pause()
			time.Sleep(time.Hour)
			c.resume()
		}
		if synctest.Wait(); expired.Load() {
			t.Fatal("a pause counts")
		}
		time.Sleep(time.Second)
		if synctest.Wait(); !expired.Load() {
			t.Fatal("time is over and nobody says so")
		}
		stop()
	})
}

func TestClockStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		c.pause()
		c.start(time.Second, func() { t.Error("it expired") })()
		c.resume()
		time.Sleep(time.Minute)
	})
}
