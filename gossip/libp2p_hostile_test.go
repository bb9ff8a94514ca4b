package gossip_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/wire"
)

// listen serves a transport on a host and counts what comes from each peer.
func listen(t *testing.T, h host.Host) (transport *gossip.Libp2p, came func(peer.ID) int64) {
	t.Helper()
	transport = gossip.NewLibp2p(h, "test")
	counts := map[peer.ID]*atomic.Int64{}
	for i := range 4 {
		counts[id(t, key(i))] = new(atomic.Int64)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- transport.Serve(ctx, func(from peer.ID, _ []byte) { counts[from].Add(1) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "it listens", func() bool { return slices.Contains(h.Mux().Protocols(), gossip.ProtocolID("test")) })
	return transport, func(p peer.ID) int64 { return counts[p].Load() }
}

func meet(t *testing.T, a, b host.Host) {
	t.Helper()
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

func stream(t *testing.T, from, to host.Host) network.Stream {
	t.Helper()
	st, err := from.NewStream(t.Context(), to.ID(), gossip.ProtocolID("test"))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func frame(t *testing.T, payload []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wire.WriteFrame(&b, 1, payload); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Streams that stop in the middle of a message, and those beyond what a peer
// may have, hold up nobody.
func TestHalfOpenStreams(t *testing.T) {
	victim, hostile, honest := newHost(t, key(0)), newHost(t, key(1)), newHost(t, key(2))
	meet(t, hostile, victim)
	meet(t, honest, victim)
	_, came := listen(t, victim)
	sender, _ := listen(t, honest)
	for range 2 {
		if _, err := stream(t, hostile, victim).Write(frame(t, make([]byte, 1000))[:500]); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the honest one is heard", func() bool {
		_ = sender.Send(victim.ID(), []byte("hello"))
		return came(honest.ID()) > 0
	})
	eventually(t, "a third stream is refused", func() bool {
		st := stream(t, hostile, victim)
		_, _ = st.Write([]byte{0})
		_ = st.SetReadDeadline(time.Now().Add(time.Second))
		_, err := st.Read(make([]byte, 1))
		return errors.Is(err, network.ErrReset)
	})
	if came(hostile.ID()) != 0 {
		t.Error("half a message was taken")
	}
}

// A frame that is too large is not read, and ends the stream.
func TestLargeFrames(t *testing.T) {
	victim, hostile := newHost(t, key(0)), newHost(t, key(1))
	meet(t, hostile, victim)
	_, came := listen(t, victim)
	eventually(t, "the stream is reset", func() bool {
		st := stream(t, hostile, victim)
		_, _ = st.Write(append(binary.BigEndian.AppendUint32(nil, gossip.MaxMessage+2), 1))
		_ = st.SetReadDeadline(time.Now().Add(time.Second))
		_, err := st.Read(make([]byte, 1))
		return errors.Is(err, network.ErrReset)
	})
	// Frames of a kind that is not known are passed over.
	st := stream(t, hostile, victim)
	other := frame(t, []byte("from the future"))
	other[4] = 9
	if _, err := st.Write(append(other, frame(t, []byte("hello"))...)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next message is taken", func() bool { return came(hostile.ID()) == 1 })
}

// A peer that takes nothing costs a bounded queue, and no time of others.
func TestSlowReader(t *testing.T) {
	sender, slow, quick := newHost(t, key(0)), newHost(t, key(1)), newHost(t, key(2))
	meet(t, sender, slow)
	meet(t, sender, quick)
	hold := make(chan struct{})
	slow.SetStreamHandler(gossip.ProtocolID("test"), func(st network.Stream) { <-hold; _ = st.Reset() })
	defer close(hold)
	transport, _ := listen(t, sender)
	_, came := listen(t, quick)
	large := make([]byte, gossip.MaxMessage)
	eventually(t, "the slow one is busy", func() bool {
		return errors.Is(transport.Send(slow.ID(), large), gossip.ErrBusy)
	})
	eventually(t, "the quick one is reached", func() bool {
		_ = transport.Send(quick.ID(), []byte("hello"))
		return came(sender.ID()) > 0
	})
}
