package fabric

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const latency = 2 * time.Millisecond

// bubble runs f in virtual time on a network with nodes 0 and 1; what node 1 is
// sent comes out of the channels.
func bubble(t *testing.T, loss float64, f func(f *Fabric, near *Port, packets chan string, streams chan net.Conn)) {
	synctest.Test(t, func(*testing.T) {
		fabric := New(latency, loss, 1)
		packets, streams := make(chan string, 1000), make(chan net.Conn, 10)
		fabric.Attach(1,
			func(_ int, packet []byte) { packets <- string(packet) },
			func(_ int, stream net.Conn) { streams <- stream })
		near := fabric.Attach(0, nil, nil)
		f(fabric, near, packets, streams)
		fabric.Unplug(0)
		fabric.Unplug(1)
		time.Sleep(time.Minute)
	})
}

func dial(t *testing.T, from *Port) net.Conn {
	t.Helper()
	c, err := from.Dial(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, c net.Conn, n int) (string, time.Duration) {
	t.Helper()
	began := time.Now()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return string(b), time.Since(began)
}

func TestPackets(t *testing.T) {
	bubble(t, 0, func(f *Fabric, near *Port, packets chan string, _ chan net.Conn) {
		began := time.Now()
		near.Send(1, []byte("hello"))
		near.Send(7, []byte("nobody"))
		if got := <-packets; got != "hello" || time.Since(began) != latency {
			t.Errorf("got %q after %v", got, time.Since(began))
		}
		if got := f.Count(0); got != (Count{Bytes: 11, Messages: 2}) {
			t.Errorf("counted %+v", got)
		}
	})
}

func TestPacketsAreLost(t *testing.T) {
	bubble(t, 0.3, func(_ *Fabric, near *Port, packets chan string, _ chan net.Conn) {
		for range 1000 {
			near.Send(1, []byte("x"))
		}
		time.Sleep(time.Second)
		if n := len(packets); n < 650 || n > 750 {
			t.Errorf("%d of 1000 came at 30 %% loss", n)
		}
	})
}

func TestPauseHoldsBothDirections(t *testing.T) {
	bubble(t, 0, func(f *Fabric, near *Port, packets chan string, streams chan net.Conn) {
		c := dial(t, near)
		far := <-streams
		f.Pause(1, 4*time.Second)
		began := time.Now()
		near.Send(1, []byte("packet"))
		_, _ = c.Write([]byte("segment"))
		<-packets
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("the packet came after %v", took)
		}
		if _, took := read(t, far, 7); took != 0 {
			t.Errorf("the segment came %v after the packet", took)
		}
		f.Pause(0, 4*time.Second)
		began = time.Now()
		near.Send(1, []byte("from the paused"))
		<-packets
		if took := time.Since(began); took != 4*time.Second+latency {
			t.Errorf("a packet of the paused node came after %v", took)
		}
	})
}

func TestCut(t *testing.T) {
	bubble(t, 0, func(f *Fabric, near *Port, packets chan string, streams chan net.Conn) {
		c := dial(t, near)
		far := <-streams
		f.Cut([]int{0, 5})
		near.Send(1, []byte("lost"))
		_, _ = c.Write([]byte("kept"))
		go func() {
			time.Sleep(10 * time.Second)
			f.Heal()
		}()
		got, took := read(t, far, 4)
		if got != "kept" || took < 10*time.Second || took > 15*time.Second {
			t.Errorf("%q came after %v of a cut of 10 s", got, took)
		}
		if len(packets) > 0 {
			t.Error("a packet passed the cut")
		}
		f.Cut([]int{0})
		_, _ = c.Write([]byte("never"))
		if _, err := io.ReadFull(far, make([]byte, 5)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a cut of more than 30 s gives %v", err)
		}
	})
}

func TestStreamsKeepOrderWithLoss(t *testing.T) {
	bubble(t, 0.3, func(f *Fabric, near *Port, _ chan string, streams chan net.Conn) {
		c := dial(t, near)
		far := <-streams
		sent := make([]byte, 50*SegmentBytes)
		for i := range sent {
			sent[i] = byte(i / SegmentBytes)
		}
		_, _ = c.Write(sent)
		got, took := read(t, far, len(sent))
		if got != string(sent) {
			t.Error("the stream came out of order")
		}
		if took < segmentRetry {
			t.Errorf("50 segments at 30 %% loss took %v", took)
		}
		_ = c.Close()
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestDialOfNobody(t *testing.T) {
	bubble(t, 0, func(f *Fabric, near *Port, _ chan string, _ chan net.Conn) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := near.Dial(ctx, 7); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestCrashIsSilentUntilTheReturn(t *testing.T) {
	bubble(t, 0, func(f *Fabric, near *Port, _ chan string, streams chan net.Conn) {
		c := dial(t, near)
		<-streams
		f.Unplug(1)
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read from the dead: %v", err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Errorf("a write to the dead: %v", err)
		}
		f.Attach(1, nil, nil)
		if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a write to the next life: %v", err)
		}
	})
}

func TestAddr(t *testing.T) {
	for _, node := range []int{0, 254, 255, 1 << 20} {
		got, err := ParseAddr(Addr(node).String())
		if err != nil || got != node {
			t.Errorf("node %d is %s, which is node %d, %v", node, Addr(node), got, err)
		}
	}
}
