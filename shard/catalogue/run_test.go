package catalogue

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// running starts Run on the real clock, which is the bubble's; stop ends it and
// waits. For a synctest bubble.
func (d *device) running(t *testing.T) (stop func()) {
	cfg := d.config()
	cfg.Now = time.Now
	c, err := New(cfg)
	check(t, err)
	d.Catalogue = c
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { c.Run(ctx) })
	return func() { cancel(); wait.Wait() }
}

func TestRunPublishesWhatChanges(t *testing.T) {
	b := newBed(t, 8)
	d := b.device(0)
	synctest.Test(t, func(t *testing.T) {
		b.now = time.Now()
		stop := d.running(t)
		defer stop()
		synctest.Wait()
		d.put(1, b.boxes[:4]...)
		synctest.Wait()
		if r := d.result(nil); r.Hosts != wanted || r.Waiting != 0 {
			t.Errorf("right after a put: %+v", r)
		}
		puts := func() (n int) { return int(d.look().Pages[0].Seen[0].Seq) }
		before := puts()
		time.Sleep(20 * 24 * time.Hour)
		if puts() != before {
			t.Error("written again although nothing was due")
		}
		time.Sleep(11 * 24 * time.Hour)
		if puts() == before {
			t.Error("not written anew within a month")
		}
	})
}

func TestRunTriesAgain(t *testing.T) {
	b := newBed(t, 8)
	d := b.device(0)
	down := func(is bool) {
		b.with(func() {
			for _, x := range b.boxes {
				x.down = is
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b.now = time.Now()
		down(true)
		stop := d.running(t)
		defer stop()
		d.put(1, b.boxes[:4]...)
		time.Sleep(48 * time.Hour)
		if asked := b.asked(); asked < 10 || asked > 60 {
			t.Errorf("%d tries in two days", asked)
		}
		down(false)
		time.Sleep(longPause)
		if r := d.result(nil); r.Hosts != wanted || r.Waiting != 0 {
			t.Errorf("the mesh is back: %+v", r)
		}
	})
}
