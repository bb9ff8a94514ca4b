package gossiptest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
)

// End is one member's end of a transport under test.
type End struct {
	Peer peer.ID
	gossip.Transport
}

// TestTransport is the suite that every [gossip.Transport] must pass. It asks
// for n new ends that know each other's addresses, none of which serves.
func TestTransport(t *testing.T, open func(t *testing.T, n int) []End) {
	t.Run("a message arrives as it was sent, and the sender is known", func(t *testing.T) {
		ends := open(t, 2)
		a, b := serve(t, ends[0]), serve(t, ends[1])
		for _, message := range [][]byte{{1}, []byte("two"), bytes.Repeat([]byte{3}, gossip.MaxMessage)} {
			arrives(t, a, b, message)
		}
		arrives(t, b, a, []byte("back"))
	})
	t.Run("all messages arrive", func(t *testing.T) {
		ends := open(t, 3)
		a, b, c := serve(t, ends[0]), serve(t, ends[1]), serve(t, ends[2])
		for i := range byte(20) {
			arrives(t, a, c, []byte{i})
			arrives(t, b, c, []byte{100 + i})
		}
	})
	t.Run("what cannot arrive holds nobody up", func(t *testing.T) {
		ends := open(t, 2)
		a, b := serve(t, ends[0]), serve(t, ends[1])
		began := time.Now()
		for range 1000 {
			_ = a.end.Send(Peer(1<<20), []byte("to nobody"))
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("1000 messages to nobody took %v", took)
		}
		arrives(t, a, b, []byte("to somebody"))
	})
	t.Run("nothing comes when it does not serve", func(t *testing.T) {
		ends := open(t, 2)
		if err := ends[0].Send(ends[1].Peer, []byte("early")); !errors.Is(err, gossip.ErrStopped) {
			t.Errorf("Send before Serve: %v, want ErrStopped", err)
		}
		a, b := serve(t, ends[0]), serve(t, ends[1])
		arrives(t, a, b, []byte("now"))
		b.stop()
		for range 10 {
			_ = a.end.Send(b.end.Peer, []byte("late"))
		}
		b = serve(t, ends[1]) // it may serve again
		arrives(t, a, b, []byte("again"))
		if err := b.end.Serve(t.Context(), nil); err == nil {
			t.Error("it serves twice at once")
		}
	})
	t.Run("its address is small, and may be learnt", func(t *testing.T) {
		ends := open(t, 2)
		if n := len(ends[0].Address()); n > gossip.MaxValue {
			t.Errorf("address of %d bytes", n)
		}
		ends[1].Learn(ends[0].Peer, ends[0].Address())
		ends[1].Learn(ends[0].Peer, []byte("rubbish"))
		ends[1].Learn(ends[0].Peer, nil)
	})
}

// serving is an end that serves and keeps what comes.
type serving struct {
	end  End
	stop func()

	mu   sync.Mutex
	came map[string]peer.ID
}

func serve(t *testing.T, end End) *serving {
	s := &serving{end: end, came: map[string]peer.ID{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := end.Serve(ctx, s.receive); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	s.stop = func() { cancel(); wait.Wait() }
	t.Cleanup(s.stop)
	return s
}

func (s *serving) receive(from peer.ID, message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.came[string(message)] = from
}

func (s *serving) sender(message []byte) peer.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.came[string(message)]
}

// arrives sends a message, again and again since it may be lost, until it
// comes.
func arrives(t *testing.T, from, to *serving, message []byte) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); to.sender(message) == ""; {
		if time.Now().After(deadline) {
			t.Fatalf("a message of %d bytes does not arrive", len(message))
		}
		_ = from.end.Send(to.end.Peer, message)
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	if got := to.sender(message); got != from.end.Peer {
		t.Errorf("the sender is %s, want %s", got, from.end.Peer)
	}
}
