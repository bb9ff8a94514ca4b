package broker

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// What neighbours see says nothing of the NAT that others are behind of.
func TestNAT(t *testing.T) {
	m := join(t, false)
	own := ""
	for _, addr := range m.self.interfaces() {
		if isQUIC(addr) {
			own = addr.String()
		}
	}
	const (
		near  = "/ip4/192.168.1.10/udp/4170/quic-v1"
		kept  = "/ip4/11.2.0.2/udp/4170/quic-v1"
		moved = "/ip4/11.2.0.2/udp/1234/quic-v1"
		six   = "/ip6/2600::1/udp/4170/quic-v1"
	)
	for _, c := range []struct {
		seen []string
		want string
	}{
		{nil, ""},
		{[]string{own}, "none"},
		{[]string{kept}, ""},
		{[]string{kept, kept}, "keeps"},
		{[]string{kept, moved}, "random"},
		{[]string{kept, kept, near}, "keeps"},
		{[]string{near, kept, kept}, "keeps"},
		{[]string{kept, kept, own}, "keeps"},
		{[]string{six, kept, kept}, "keeps"},
		{[]string{kept, kept, six}, "keeps"},
		{[]string{kept, moved, six}, "random"},
		{[]string{near, near}, "keeps"},
		{[]string{"", "", ""}, ""},
		{[]string{"", kept, kept}, "keeps"},
	} {
		m.self.seen = nil
		for i, text := range c.seen {
			n := sighting{by: peer.ID(rune('a' + i)), at: time.Now()}
			if text != "" {
				n.addr = addrs(t, text)[0]
			}
			m.self.note(n)
		}
		if got := m.NAT(); got != c.want {
			t.Errorf("seen at %v: %q, want %q", c.seen, got, c.want)
		}
	}
}

// What one peer saw a moment ago is told to others of its realm, and to no others.
func TestSightingsAreSharedWithinARealm(t *testing.T) {
	hub := join(t, false)
	m := join(t, false, hub)
	seen := addrs(t, "/ip4/127.0.0.1/udp/9/quic-v1")[0]
	m.self.note(sighting{"x", seen, time.Now()})
	if got := m.self.look(t.Context(), hub.ID()); !got.Equal(seen) {
		t.Errorf("asked again: %v", got)
	}
	m.self.seen = nil
	m.self.note(sighting{"x", addrs(t, "/ip4/11.2.0.2/udp/4170/quic-v1")[0], time.Now()})
	if got := m.self.look(t.Context(), hub.ID()); got == nil || realmOf(got) != realmMachine {
		t.Errorf("a neighbour sees us at %v", got)
	}
}

// One observer that does not answer is left alone, and two make that nobody is
// asked, until somebody answers.
func TestBlind(t *testing.T) {
	s := newSelf(nil)
	s.note(sighting{by: "a", at: time.Now()})
	if !s.blind("a") || s.blind("c") {
		t.Error("after one was mute")
	}
	s.note(sighting{by: "b", at: time.Now()})
	if !s.blind("c") {
		t.Error("after two were mute")
	}
	s.note(sighting{"d", addrs(t, "/ip4/11.2.0.2/udp/4170/quic-v1")[0], time.Now()})
	if !s.blind("a") || s.blind("c") {
		t.Error("after one answered")
	}
	s.forget()
	s.note(sighting{by: "a", at: time.Now().Add(-2 * blindTime)})
	if s.blind("a") {
		t.Error("long after")
	}
}

// Who looks does not wait long for somebody else who asks.
func TestLookDoesNotWaitForOthers(t *testing.T) {
	hub := join(t, false)
	m := join(t, false, hub)
	m.self.begin(t.Context())
	defer m.self.end()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got := m.self.look(ctx, hub.ID()); got != nil {
		t.Errorf("seen at %v", got)
	}
}

// A node that may be elsewhere asks anew at once, and not when it is time again.
func TestNodesThatMovedAskAnew(t *testing.T) {
	m := join(t, false, join(t, false))
	seen := func() bool { return len(m.Seen()) > 0 }
	until(t, "the first survey", seen)
	m.recover(t.Context())
	until(t, "the survey after a loss", seen)
}
