package broker

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// A connection is in use when a stream is open for a while, but for one that
// always is.
func TestInUse(t *testing.T) {
	old, fresh := time.Now().Add(-time.Minute), time.Now()
	b := &Broker{cfg: Config{Quiet: []protocol.ID{"/always/1"}}}
	for name, c := range map[string]struct {
		streams []network.Stream
		used    bool
	}{
		"none":                   {nil, false},
		"new":                    {[]network.Stream{open{id: "/bulk/1", since: fresh}}, false},
		"old":                    {[]network.Stream{open{id: "/bulk/1", since: old}}, true},
		"one that always is":     {[]network.Stream{open{id: "/always/1", since: old}}, false},
		"an old one beside that": {[]network.Stream{open{id: "/always/1", since: old}, open{id: "/bulk/1", since: old}}, true},
	} {
		if got := b.inUse(carrying{streams: c.streams}); got != c.used {
			t.Errorf("%s: in use is %v", name, got)
		}
	}
}

// Who is heard is not looked at, unless it has a second connection, which may be
// the one that is dead.
func TestWatchedAreNotHeard(t *testing.T) {
	hub := join(t, false)
	other := join(t, false, hub)
	at := time.Now()
	hub.cfg.Heard = func(peer.ID) time.Time { return at }
	if used, idle := hub.watched(0); len(used)+len(idle) != 0 {
		t.Errorf("%d and %d connections are looked at, to one that is heard", len(used), len(idle))
	}
	at = at.Add(-heardAge)
	if _, idle := hub.watched(0); len(idle) != 1 || idle[0].RemotePeer() != other.ID() {
		t.Errorf("%d connections are looked at, to one that was heard long ago", len(idle))
	}
}

// carrying is a connection of which only the streams are looked at.
type carrying struct {
	network.Conn
	streams []network.Stream
}

func (c carrying) GetStreams() []network.Stream { return c.streams }

// open is a stream of which only protocol and age are looked at.
type open struct {
	network.Stream
	id    protocol.ID
	since time.Time
}

func (s open) Protocol() protocol.ID { return s.id }
func (s open) Stat() network.Stats   { return network.Stats{Opened: s.since} }
