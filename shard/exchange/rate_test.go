package exchange

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

func TestAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan, other := netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("10.0.1.0/24")
		a := allowance{what: "things are done", perPeer: 10}
		left := func(p peer.ID, from netip.Prefix, want error) {
			t.Helper()
			if err := a.left(p, from); !errors.Is(err, want) {
				t.Errorf("%s from %v: %v, want %v", p, from, err, want)
			}
		}
		left("a", lan, nil)
		a.spend("a", lan, 9)
		left("a", lan, nil)
		a.spend("a", lan, 20) // more than its share, once
		left("a", lan, wire.ErrBusy)
		left("a", other, wire.ErrBusy)
		left("b", lan, nil)
		a.spend("b", lan, 9)
		a.spend("c", lan, 2)
		left("d", lan, wire.ErrBusy) // the network's share
		left("d", other, nil)
		left("d", netip.Prefix{}, nil)
		time.Sleep(ratePeriod - 1)
		left("a", lan, wire.ErrBusy)
		time.Sleep(time.Nanosecond)
		left("a", lan, nil)
		left("d", lan, nil)
	})
}

// However many peers there are, they take no more memory than so many.
func TestAllowanceOfManyPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := allowance{what: "things are done", perPeer: 10}
		in := 0
		for i := range 2 * ratedPeers {
			if p := peer.ID(fmt.Sprint(i)); a.left(p, netip.Prefix{}) == nil {
				a.spend(p, netip.Prefix{}, 1)
				in++
			}
		}
		if in != ratedPeers || len(a.peers) != ratedPeers {
			t.Errorf("%d peers got in, %d are remembered", in, len(a.peers))
		}
		if err := a.left("0", netip.Prefix{}); err != nil {
			t.Errorf("one that is known: %v", err)
		}
	})
}
