package exchangetest

import (
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// charge takes a charge and throws the manifest away.
func (l *Liar) charge(s network.Stream, payload []byte) {
	var m struct {
		Charge shard.Charge `cbor:"1,keyasint"`
	}
	if wire.Unmarshal(payload, &m) != nil {
		_ = wire.WriteError(s, wire.ErrBadRequest)
		return
	}
	l.say(s, ready, map[int]any{1: 0})
	if _, err := io.CopyN(io.Discard, s, m.Charge.Manifest); err != nil {
		return
	}
	l.mu.Lock()
	l.charges[shard.GrantDigest(m.Charge.Grant)] = true
	l.mu.Unlock()
	l.say(s, charged, map[int]any{})
}

func (l *Liar) turn(s network.Stream, payload []byte) {
	o, ok := l.order(s, payload)
	if !ok {
		return
	}
	l.mu.Lock()
	have := l.charges[o.Grant]
	l.mu.Unlock()
	if !have || l.trick == ForgetsCharge {
		_ = wire.WriteError(s, wire.ErrNotFound)
		return
	}
	t := shard.Turn{Checked: time.Now().Unix(), Keepers: []peer.ID{l.host.ID()}}
	switch l.trick {
	case AlwaysAtWork:
		t.Working, t.Margin = true, 100
	case NamesManyKeepers:
		for range shard.MaxKeepers {
			t.Keepers = append(t.Keepers, l.host.ID())
		}
	}
	l.say(s, turned, map[int]any{1: t})
}
