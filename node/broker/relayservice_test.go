package broker

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A network with many peers in it opens no more circuits than one of offices
// needs, and leaves some to others.
func TestDoorkeeper(t *testing.T) {
	d := newDoorkeeper(nil)
	from, other := addrs(t, "/ip4/11.1.0.2/tcp/1")[0], addrs(t, "/ip4/11.2.0.2/tcp/1")[0]
	opened := 0
	for i := range 10_000 {
		if d.AllowConnect(peer.ID(fmt.Sprint("attacker", i%1000)), from, "x") {
			opened++
		}
	}
	if opened != circuitsPerNet {
		t.Errorf("one network opened %d circuits in a minute, want %d", opened, circuitsPerNet)
	}
	for i := range circuitsPerPeer + 1 {
		if got, want := d.AllowConnect("a", other, "x"), i < circuitsPerPeer; got != want {
			t.Errorf("circuit %d of another: %v", i, got)
		}
	}
}
