package transfer

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// The lots that are drawn are the same for everybody, and even.
func TestDrawsAreEven(t *testing.T) {
	wins := map[peer.ID]int{}
	for segment := range uint32(4000) {
		var best peer.ID
		var lowest [32]byte
		for i := range 8 {
			p := peer.ID(fmt.Sprint("peer", i))
			if lot := draw(shard.Locator{1}, segment, 3, p); best == "" || string(lot[:]) < string(lowest[:]) {
				best, lowest = p, lot
			}
		}
		wins[best]++
	}
	for p, n := range wins {
		if n < 400 || n > 600 {
			t.Errorf("%s won %d of 4000", p, n)
		}
	}
	if draw(shard.Locator{}, 1, 0, "a") == draw(shard.Locator{}, 0, 1, "a") {
		t.Error("segment and index are mixed up")
	}
}
