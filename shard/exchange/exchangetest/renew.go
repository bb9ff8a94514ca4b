package exchangetest

import (
	"crypto/ed25519"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// renew answers RENEW in one page.
func (l *Liar) renew(s network.Stream, payload []byte) {
	o, ok := l.order(s, payload)
	if !ok {
		return
	}
	answer := map[int]any{}
	receipts := []wire.Signed{}
	for _, kept := range l.kept(o) {
		kept.Lease = o.Lease
		receipts = append(receipts, l.receipt(kept))
		if l.trick == RenewsTwice {
			receipts = append(receipts, receipts[0])
		}
	}
	if l.trick == EndlessPages {
		receipts, answer[2] = receipts[:0], []byte("more")
	}
	answer[1] = receipts
	l.say(s, renewed, answer)
}

// kept returns the lots that a RENEW is about.
func (l *Liar) kept(o shard.Order) (lots []shard.Offer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, kept := range l.lots {
		asked := len(o.Spots) == 0 || l.trick == RenewsOthers
		for _, at := range o.Spots {
			asked = asked || at.Shard == kept.Shard && at.Segment == kept.Segment && at.Index == kept.Index
		}
		if kept.Grant == o.Grant && asked {
			lots = append(lots, kept)
		}
	}
	return lots
}

// stranger is a key of nobody in particular.
func stranger() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic("exchangetest: internal error: " + err.Error())
	}
	return key
}
