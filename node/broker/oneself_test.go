package broker

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// A node opens streams to itself, which end at its handlers; when it closes they end,
// and none is opened any more.
func TestOneself(t *testing.T) {
	m := join(t, false)
	h := m.Broker.Host()
	if err := h.Connect(t.Context(), peer.AddrInfo{ID: m.ID()}); err != nil {
		t.Fatal(err)
	}
	echo(m)
	s, err := h.NewStream(t.Context(), m.ID(), "/other", "/echo")
	if err != nil {
		t.Fatal(err)
	}
	if s.Protocol() != "/echo" || s.Conn().RemotePeer() != m.ID() || s.Stat().Direction != network.DirOutbound {
		t.Errorf("protocol %s of %s", s.Protocol(), s.Conn().RemotePeer())
	}
	sent := make([]byte, 1<<20)
	sent[len(sent)-1] = 1
	go func() {
		_, _ = s.Write(sent)
		_ = s.CloseWrite()
	}()
	if got, err := io.ReadAll(s); err != nil || string(got) != string(sent) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	_ = s.Close()

	var unknown multistream.ErrNotSupported[protocol.ID]
	if _, err := h.NewStream(t.Context(), m.ID(), "/nothing"); !errors.As(err, &unknown) {
		t.Errorf("a protocol that nobody speaks: %v", err)
	}
	ended := make(chan error, 1)
	m.SetStreamHandler("/silent", func(s network.Stream) {
		_, err := s.Read(make([]byte, 1))
		ended <- err
	})
	if _, err = h.NewStream(t.Context(), m.ID(), "/silent"); err != nil {
		t.Fatal(err)
	}
	if err := m.Broker.Close(); err != nil {
		t.Fatal(err)
	}
	if <-ended == nil {
		t.Error("the handler read a byte that nobody sent")
	}
	if _, err := h.NewStream(t.Context(), m.ID(), "/echo"); !errors.Is(err, context.Canceled) {
		t.Errorf("after it was closed: %v", err)
	}
}
