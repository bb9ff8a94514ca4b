package exchange_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

var quic = libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/quic-v1")

// Streams of QUIC close and reset otherwise than those of TCP.
func TestOverQUIC(t *testing.T) {
	h, key := newHost(t, quic)
	store := exchangetest.NewStore()
	run(t, h, exchange.NewServer(exchange.ServerConfig{Host: h, Key: key, Mesh: mesh, Store: store}))
	lying, lyingKey := newHost(t, quic)
	l := exchangetest.Lie(lying, lyingKey, mesh, exchangetest.RejectsLate)
	defer l.Stop()
	from, _ := newHost(t, quic)
	for _, to := range []peer.AddrInfo{{ID: h.ID(), Addrs: h.Addrs()}, {ID: lying.ID(), Addrs: lying.Addrs()}} {
		if err := from.Connect(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
	c := exchange.NewClient(from, mesh, exchange.Timeouts{})
	f, body := newFile(t), noise(1, shard.MaxShardLength)
	o := f.lot(t, 0, 0, body)
	if _, _, err := c.Offer(t.Context(), lying.ID(), o, body, nil); !errors.Is(err, wire.ErrFull) {
		t.Errorf("rejected half way: %v, want ErrFull", err)
	}
	if _, _, err := c.Offer(t.Context(), h.ID(), o, body, nil); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(body))
	if err := c.Fetch(t.Context(), h.ID(), o.Terms.Shard, 0, got, nil); err != nil || !bytes.Equal(got, body) {
		t.Errorf("Fetch: %v", err)
	}
	store.Limit(1, 0)
	other := noise(2, 1<<20)
	if _, _, err := c.Offer(t.Context(), h.ID(), f.lot(t, 0, 1, other), other, nil); !errors.Is(err, wire.ErrFull) {
		t.Errorf("no room: %v, want ErrFull", err)
	}
}

// A hint that a reader does not know is skipped, before any answer.
func TestHintsAreSkipped(t *testing.T) {
	h, _ := newHost(t)
	h.SetStreamHandler(exchange.ProtocolID(mesh), func(s network.Stream) {
		defer s.Close()
		if _, _, err := wire.ReadFrame(s, 1<<12); err != nil {
			return
		}
		for kind := 192; kind < 256; kind++ {
			_ = wire.WriteFrame(s, byte(kind), []byte("anything"))
		}
		_ = wire.WriteMessage(s, 129, map[int]any{1: true, 2: 5})
	})
	c, _ := dialler(t, exchange.Timeouts{}, h)
	a, err := c.Ask(t.Context(), h.ID(), 1, shard.LeaseDefault)
	if err != nil || !a.Takes || a.Free != 5 {
		t.Errorf("Ask = %+v, %v", a, err)
	}
}

// A host's words are a stranger's: they are cut, and cannot play with a
// terminal.
func TestRefusalIsCleaned(t *testing.T) {
	h, _ := newHost(t)
	h.SetStreamHandler(exchange.ProtocolID(mesh), func(s network.Stream) {
		defer s.Close()
		_ = wire.WriteError(s, wire.ErrFull.With("\x1b[2Jbye\n%0500d", 0))
	})
	c, _ := dialler(t, exchange.Timeouts{}, h)
	_, err := c.Ask(t.Context(), h.ID(), 1, shard.LeaseDefault)
	var e *wire.Error
	if !errors.As(err, &e) || e.Code != wire.CodeFull {
		t.Fatalf("Ask: %v", err)
	}
	if bytes.ContainsAny([]byte(e.Message), "\x1b\n") || len(e.Message) > 300 {
		t.Errorf("message %q", e.Message)
	}
}
