package exchange

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/batchain/batchain/wire"
)

// drip is a stream that gives and takes one piece after each pause, or nothing
// when its deadline comes first.
type drip struct {
	network.Stream
	pause        time.Duration
	read, write  time.Time // deadlines
	sets, pieces int
}

type timeout struct{ error }

func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

func (d *drip) SetReadDeadline(t time.Time) error  { d.read, d.sets = t, d.sets+1; return nil }
func (d *drip) SetWriteDeadline(t time.Time) error { d.write, d.sets = t, d.sets+1; return nil }

// wait runs in a synctest bubble only, where time costs nothing.
func (d *drip) wait(deadline time.Time) error {
	if left := time.Until(deadline); left < d.pause {
		<-time.After(left)
		return timeout{errors.New("deadline")}
	}
	<-time.After(d.pause)
	d.pieces++
	return nil
}

func (d *drip) Read(p []byte) (int, error) {
	if err := d.wait(d.read); err != nil {
		return 0, err
	}
	return 1, nil
}

func (d *drip) Write(p []byte) (int, error) {
	if err := d.wait(d.write); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		least time.Duration // until it ends
		most  time.Duration
	}{
		"silence": {time.Hour, 60 * time.Second, 60 * time.Second},
		// One byte just inside the idle time each, for ever.
		"drip":  {52 * time.Second, 2 * time.Minute, 2*time.Minute + 64*time.Second},
		"touch": {time.Second, 2 * time.Minute, 2*time.Minute + 64*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &drip{pause: c.pause}
				p := Timeouts{}.withDefaults().pace(d, 64<<10) // 64 s at 1 KiB/s
				began := time.Now()
				var err error
				for err == nil {
					_, err = p.Read(make([]byte, 1))
				}
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("ended after %v, want %v to %v", took, c.least, c.most)
				}
				if err := explain(context.Background(), err); !errors.Is(err, wire.ErrTimeout) {
					t.Errorf("ended with %v", err)
				}
				if d.sets > 40 {
					t.Errorf("%d deadlines for %d reads", d.sets, d.pieces)
				}
			})
		})
	}
}

// A slow path is written to in smaller parts, so that the host sees something.
func TestWriteSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var parts []int
		slow := writerFunc(func(p []byte) (int, error) {
			<-time.After(time.Duration(len(p)) * time.Second / 10_000) // 10 kB/s
			return len(p), nil
		})
		if err := write(slow, make([]byte, 2<<20), func(n int) { parts = append(parts, n) }); err != nil {
			t.Fatal(err)
		}
		if parts[0] != BulkSize || parts[len(parts)-1] > 2*smallestWrite {
			t.Errorf("parts of %v", parts)
		}
		parts = nil
		if err := write(io.Discard, make([]byte, 2<<20), func(n int) { parts = append(parts, n) }); err != nil {
			t.Fatal(err)
		}
		if len(parts) != 2<<20/BulkSize {
			t.Errorf("%d writes on a fast path", len(parts))
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
