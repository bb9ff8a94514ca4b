package broker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"

	"github.com/batchain/batchain/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/libp2p/go-libp2p/p2p/transport/quicreuse.(*reuse).gc"),
		goleak.IgnoreAnyFunction("go.opencensus.io/stats/view.(*worker).start"))
}

const mesh = "test"

// member is a host with a broker that runs.
type member struct {
	host.Host
	*Broker
}

func (m member) ID() peer.ID { return m.Host.ID() }

// join makes a member that listens on loopback, or with deaf nowhere, and has a
// connection to each of those it knows.
func join(t *testing.T, deaf bool, knows ...member) member {
	t.Helper()
	listen := libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1")
	if deaf {
		listen = libp2p.NoListenAddrs
	}
	h, err := libp2p.New(listen, libp2p.DisableRelay(), libp2p.DisableIdentifyAddressDiscovery(), libp2p.ResourceManager(&network.NullResourceManager{}))
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{Host: h, Mesh: mesh})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, b.Close(), h.Close()); err != nil {
			t.Error(err)
		}
	})
	m := member{h, b}
	m.serving(t)
	for _, k := range knows {
		if err := h.Connect(t.Context(), peer.AddrInfo{ID: k.ID(), Addrs: k.Addrs()}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// serving waits until the member answers, so that all it meets learn that.
func (m member) serving(t *testing.T) {
	t.Helper()
	until(t, "the protocol is served", func() bool {
		for _, p := range m.Mux().Protocols() {
			if p == ProtocolID(mesh) {
				return true
			}
		}
		return false
	})
}

// until waits for something that needs no more than a moment, or until identify gives up.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// A target that nobody can dial is reached by way of a third, who is told as such.
func TestReachByWayOfABroker(t *testing.T) {
	hub := join(t, false)
	asker, target := join(t, false, hub), join(t, true, hub)
	echo(target)
	s, err := asker.Broker.Host().NewStream(t.Context(), target.ID(), "/echo")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	_ = s.CloseWrite()
	if got, err := io.ReadAll(s); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	path := asker.Path(target.ID())
	if path.How != HowBrokered || path.Via != hub.ID() || len(path.Tried) == 0 || path.Tried[0].Name != StepBroker {
		t.Errorf("path %+v", path)
	}
	if path := target.Path(asker.ID()); path.How != HowDialled {
		t.Errorf("the target's path %+v", path)
	}
	if path := asker.Path("nobody"); path.How != HowNone || path.Tried != nil {
		t.Errorf("the path to nobody is %+v", path)
	}
}

// A target that dials before the broker's answer is there was brokered all the same,
// and the broker's step did not fail.
func TestTargetIsFasterThanTheBroker(t *testing.T) {
	hub := join(t, false)
	asker, target := join(t, false, hub), join(t, true, hub)
	// The hub answers no asker, and tells the target that the asker takes connections
	// from anybody.
	hub.Host.SetStreamHandler(ProtocolID(mesh), func(s network.Stream) {
		defer s.Reset()
		kind, payload, err := wire.ReadFrame(s, maxFrame)
		if err != nil {
			return
		}
		if kind == kindObserve {
			_ = hub.answer(s, kind, payload)
			_ = s.Close()
			return
		}
		p, at, err := parseIntroduction(payload)
		if err != nil {
			t.Error(err)
			return
		}
		from := s.Conn().RemotePeer()
		if _, err := hub.call(t.Context(), p, kindEstablish, introduction{
			Peer: []byte(from), Addrs: encodeAddrs(passable(hub.network.ConnsToPeer(from), at.addrs)), Open: true,
		}); err != nil {
			t.Error(err)
		}
		_, _ = s.Read(make([]byte, 1)) // until the asker gives up
	})
	if err := asker.Reach(t.Context(), target.ID()); err != nil {
		t.Fatal(err)
	}
	path := asker.Path(target.ID())
	if path.How != HowBrokered || path.Via != hub.ID() || len(path.Tried) == 0 || path.Tried[0].Err != "" {
		t.Errorf("path %+v", path)
	}
}

func echo(m member) {
	m.SetStreamHandler("/echo", func(s network.Stream) {
		_, _ = io.Copy(s, s)
		_ = s.Close()
	})
}

// Many who want the same peer cause one attempt.
func TestAttemptsAreShared(t *testing.T) {
	hub := join(t, false)
	asker, target := join(t, false, hub), join(t, true, hub)
	results := make(chan error)
	for range 20 {
		go func() { results <- asker.Reach(t.Context(), target.ID()) }()
	}
	for range 20 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := asker.used(&hub.Broker.askers, asker.ID()); n != 1 {
		t.Errorf("the broker was asked %d times", n)
	}
}

func (b *Broker) used(a *allowance, p peer.ID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used[string(p)]
}

// A peer that is nowhere is given up, with the reason, once nobody knows it.
func TestUnreachable(t *testing.T) {
	hub := join(t, false)
	asker := join(t, false, hub)
	began := time.Now()
	err := asker.Reach(t.Context(), somebody)
	if !errors.Is(err, ErrUnreachable) {
		t.Fatalf("%v", err)
	}
	if took := time.Since(began); took > reachTime/2 {
		t.Errorf("it took %s", took)
	}
	path := asker.Path(somebody)
	if len(path.Tried) != 1 || path.Tried[0].Via != hub.ID() || path.Tried[0].Err == "" {
		t.Errorf("tried %+v", path.Tried)
	}
}

// request sends one raw frame of the protocol and returns the answer.
func request(t *testing.T, from member, to peer.ID, kind byte, m any) ([]byte, error) {
	t.Helper()
	s, err := from.Host.NewStream(t.Context(), to, ProtocolID(mesh))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := byte(kindReady)
	if kind == kindObserve {
		want = kindObserved
	}
	return exchange(s, kind, m, want)
}

// A broker passes on the IPs that it sees, and nobody else's.
func TestStrangersAreNotPassedOn(t *testing.T) {
	hub := join(t, false)
	asker, target := join(t, false, hub), join(t, false, hub)
	told := make(chan place, 1)
	target.SetStreamHandler(ProtocolID(mesh), func(s network.Stream) {
		defer s.Close()
		if _, payload, err := wire.ReadFrame(s, maxFrame); err == nil {
			if p, at, err := parseIntroduction(payload); err == nil && p == asker.ID() {
				told <- at
			}
		}
		_ = wire.WriteMessage(s, kindReady, readyMessage{Addrs: encodeAddrs(addrs(t, "/ip4/11.9.9.9/tcp/80", "/ip4/127.0.0.1/tcp/7"))})
	})
	payload, err := request(t, asker, hub.ID(), kindBroker, introduction{Peer: []byte(target.ID()), Addrs: encodeAddrs(addrs(t,
		"/ip4/11.9.9.9/tcp/80", "/ip4/127.0.0.2/tcp/80", "/ip4/127.0.0.1/udp/9/quic-v1", "/ip4/127.0.0.1/tcp/9"))})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := parseReady(payload)
	if err != nil {
		t.Fatal(err)
	}
	for who, at := range map[string]place{"target": <-told, "asker": answer} {
		if len(at.addrs) < 2 || len(at.addrs) > maxPassed {
			t.Errorf("the %s is told %v", who, at.addrs)
		}
		for _, addr := range at.addrs {
			if ip, _ := ipOf(addr); ip.String() != "127.0.0.1" {
				t.Errorf("the %s is told %v", who, addr)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	hub := join(t, false)
	asker, target := join(t, false, hub), join(t, true, hub)
	for _, c := range []struct {
		name string
		kind byte
		m    any
		want error
	}{
		{"a target that is not connected", kindBroker, introduction{Peer: []byte(somebody)}, wire.ErrNotFound},
		{"the asker itself", kindBroker, introduction{Peer: []byte(asker.ID())}, wire.ErrBadRequest},
		{"the broker itself", kindBroker, introduction{Peer: []byte(hub.ID())}, wire.ErrBadRequest},
		{"no peer", kindBroker, introduction{}, wire.ErrBadRequest},
		{"five addresses for a target", kindEstablish, introduction{Peer: []byte(somebody), Addrs: slicesOf(addrs(t, "/ip4/127.0.0.1/tcp/9")[0].Bytes(), 5)}, wire.ErrBadRequest},
		{"an unknown operation", 77, struct{}{}, wire.ErrUnsupported},
	} {
		if _, err := request(t, asker, hub.ID(), c.kind, c.m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for range 2 * requestsPerPair { // a target that is on its way back may be asked for often
		if _, err := request(t, asker, hub.ID(), kindBroker, introduction{Peer: []byte(somebody)}); !errors.Is(err, wire.ErrNotFound) {
			t.Fatalf("a target that is not connected: %v", err)
		}
	}
	asker = join(t, false, hub)
	for i := range requestsPerPair + 1 {
		_, err := request(t, asker, hub.ID(), kindBroker, introduction{Peer: []byte(target.ID())})
		if want := i == requestsPerPair; errors.Is(err, wire.ErrBusy) != want || !want && err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
}

// A frame that is too long is not read.
func TestLongFrames(t *testing.T) {
	hub := join(t, false)
	asker := join(t, false, hub)
	s, err := asker.Host.NewStream(t.Context(), hub.ID(), ProtocolID(mesh))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := wire.WriteFrame(s, kindBroker, bytes.Repeat([]byte{0}, maxFrame+1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := wire.ReadFrame(s, maxFrame); err == nil {
		t.Error("it is answered")
	}
}

// A node asks how its QUIC socket is seen, over a connection that goes again.
func TestOwnAddressIsObserved(t *testing.T) {
	hub := join(t, false)
	m := join(t, false, hub)
	seen := m.self.look(t.Context(), hub.ID())
	own := false
	for _, addr := range m.Addrs() {
		own = own || addr.Equal(seen)
	}
	if !own {
		t.Errorf("seen at %v, listens at %v", seen, m.Addrs())
	}
	until(t, "one connection is left", func() bool { return len(hub.Network().ConnsToPeer(m.ID())) == 1 })
	if nat := m.NAT(); nat != "none" {
		t.Errorf("on loopback there is a NAT: %q", nat)
	}
}

// Of two connections the better one stays.
func TestLeftOverConnectionsAreClosed(t *testing.T) {
	a := join(t, false)
	b := join(t, false, a)
	var quic = b.Addrs()[0]
	for _, addr := range a.Addrs() {
		if isQUIC(addr) {
			quic = addr
		}
	}
	if isQUIC(b.Network().ConnsToPeer(a.ID())[0].RemoteMultiaddr()) {
		quic = a.Addrs()[0]
	}
	c, err := b.network.TransportForDialing(quic).Dial(t.Context(), quic, a.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	until(t, "there are two", func() bool { return len(a.Network().ConnsToPeer(b.ID())) == 2 })
	until(t, "one is left", func() bool {
		a.prune(0)
		return len(a.Network().ConnsToPeer(b.ID())) == 1
	})
	if left := a.Network().ConnsToPeer(b.ID())[0].RemoteMultiaddr(); !isTCP(left) {
		t.Errorf("the one over %v is left", left)
	}
}
