package dispatch_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/dispatch"
	"github.com/batchain/batchain/work/worktest"
)

// Whatever goes wrong in a hive, on no operation does a byte of its own errors, of a
// stack or of a path leave it: neither where the error has a name nor where it has none.
func TestNoTraceReachesAPeer(t *testing.T) {
	trace := errors.New("panic at /home/me/hive.go:17\n" + string(debug.Stack()))
	requests := map[string][]byte{
		"HELLO": frame(t, 1, map[int]int{}), "PROVE": frame(t, 2, map[int]any{1: work.Proof{}, 2: map[int]int{}}),
		"REQUEST": frame(t, 3, work.Wish{Slots: 1, Kinds: []work.Kind{work.WASM}}),
		"SUBMIT":  frame(t, 4, map[int]any{1: make([]work.Result, 1)}), "BEAT": frame(t, 5, map[int]any{1: make([]work.Beat, 1)}),
		"MODULE": frame(t, 6, map[int][]byte{1: make([]byte, 32)}),
	}
	for _, failed := range []error{trace, fmt.Errorf("%w: %w", work.ErrDatabaseGeneric, trace), fmt.Errorf("%w: %w", wire.ErrFull, trace)} {
		f := &fake{err: failed}
		f.known.Store(true)
		at := serve(t, f, nil)
		from := worktest.Host(t, 2)
		from.Peerstore().AddAddrs(at.ID(), at.Addrs(), peerstore.PermanentAddrTTL)
		for name, request := range requests {
			st, err := from.NewStream(t.Context(), at.ID(), dispatch.ProtocolID(worktest.Mesh))
			if err != nil {
				t.Fatal(err)
			}
			_ = st.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := st.Write(request); err != nil {
				t.Fatal(err)
			}
			_ = st.CloseWrite()
			answer, err := io.ReadAll(st)
			if err != nil || len(answer) == 0 {
				t.Errorf("%s: %x, %v", name, answer, err)
			}
			for _, secret := range []string{"goroutine", ".go", "/home", "panic", "stack"} {
				if bytes.Contains(answer, []byte(secret)) {
					t.Errorf("%s answers %q", name, answer)
				}
			}
		}
	}
}

// A stream that stands still is ended, whatever of a request it has brought.
func TestIdleStreamEnds(t *testing.T) {
	at := serve(t, &fake{}, nil)
	from := worktest.Host(t, 2)
	from.Peerstore().AddAddrs(at.ID(), at.Addrs(), peerstore.PermanentAddrTTL)
	for _, brought := range [][]byte{{0}, frame(t, 3, work.Wish{Slots: 1})[:8]} {
		st, err := from.NewStream(t.Context(), at.ID(), dispatch.ProtocolID(worktest.Mesh))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write(brought); err != nil {
			t.Fatal(err)
		}
		_ = st.SetReadDeadline(time.Now().Add(20 * time.Second))
		began := time.Now()
		if _, err := io.ReadAll(st); err != nil && time.Since(began) > 19*time.Second {
			t.Errorf("it is open after %v: %v", time.Since(began), err)
		}
		if d := time.Since(began); d < time.Second { // a session of 2 s
			t.Errorf("it was ended after %v", d)
		}
	}
}
