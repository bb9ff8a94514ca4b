package exchangetest

import (
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func (l *Liar) offer(s network.Stream, payload []byte) {
	var m struct {
		Grant wire.Signed `cbor:"1,keyasint"`
		Offer wire.Signed `cbor:"2,keyasint"`
	}
	var o shard.Offer
	if wire.Unmarshal(payload, &m) != nil || wire.Unmarshal(m.Offer.Body, &o) != nil || o.Length > shard.MaxShardLength {
		_ = wire.WriteError(s, wire.ErrBadRequest)
		return
	}
	switch l.trick {
	case HasItAlready:
		l.promise(o)
		l.say(s, done, map[int]any{1: l.receipt(o)})
		return
	case ReadyBeyond:
		l.say(s, ready, map[int]any{1: o.Length + 1})
		l.hang(s)
		return
	}
	l.say(s, ready, map[int]any{1: 0})
	body := make([]byte, o.Length)
	if !l.take(s, body) {
		return
	}
	l.keep(o, body)
	if l.trick == NoReceipt {
		l.hang(s)
		return
	}
	l.say(s, ok, map[int]any{1: l.receipt(o)})
}

// take reads body, unless the trick is to stop before its end.
func (l *Liar) take(s network.Stream, body []byte) bool {
	want := len(body)
	switch l.trick {
	case StallsOffer:
		want = want * 99 / 100
	case RejectsLate, BreaksOffer:
		want /= 2
	}
	n, err := io.ReadFull(s, body[:want])
	l.mu.Lock()
	l.got += int64(n)
	l.mu.Unlock()
	if err != nil {
		return false
	}
	switch l.trick {
	case StallsOffer:
		l.freeze()
		return false
	case RejectsLate:
		_ = wire.WriteError(s, wire.ErrFull)
		return false
	case BreaksOffer:
		_ = s.Reset()
		return false
	}
	return true
}

func (l *Liar) keep(o shard.Offer, body []byte) {
	l.promise(o)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.trick {
	case StoresNothing:
		return
	case KeepsHashes:
		l.keepHashes(o.Shard, body)
		return
	case StoresWrongBytes:
		body[len(body)/2] ^= 1
	}
	l.shards[o.Shard] = body
}

// promise notes what it says it keeps.
func (l *Liar) promise(o shard.Offer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.Lease = 0
	if !slices.Contains(l.lots, o) {
		l.lots = append(l.lots, o)
	}
}

// receipt promises what o asks for, or what the trick makes of it.
func (l *Liar) receipt(o shard.Offer) wire.Signed {
	now := time.Now().Unix()
	key, end := l.key, now+int64(o.Lease)
	switch l.trick {
	case ForgesReceipt:
		key = stranger()
	case ShortLease:
		end = now + 60
	case BackdatesReceipt:
		now -= 86400
		end -= 86400
	}
	signed, err := shard.Receipt{
		Grant: o.Grant, Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length,
		LeaseEnd: end, Host: l.host.ID(), Time: now,
	}.Sign(key, l.mesh)
	if err != nil {
		panic("exchangetest: internal error: " + err.Error())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = &signed
	}
	if l.trick == ReplaysReceipt {
		return *l.first
	}
	return signed
}

func (l *Liar) fetch(s network.Stream, payload []byte) {
	var m struct {
		Shard  shard.ID `cbor:"1,keyasint"`
		Offset uint32   `cbor:"2,keyasint"`
		Length uint32   `cbor:"3,keyasint"`
	}
	if wire.Unmarshal(payload, &m) != nil {
		_ = wire.WriteError(s, wire.ErrBadRequest)
		return
	}
	l.mu.Lock()
	body, have := l.shards[m.Shard]
	l.mu.Unlock()
	if !have {
		_ = wire.WriteError(s, wire.ErrNotFound)
		return
	}
	part := body[min(int(m.Offset), len(body)):]
	if m.Length > 0 {
		part = part[:min(int(m.Length), len(part))]
	}
	l.send(s, part, len(body))
}

func (l *Liar) send(s network.Stream, part []byte, total int) {
	says, sends := len(part), part
	switch l.trick {
	case SaysOtherLength:
		says--
	case SendsWrongBytes:
		sends = append([]byte(nil), part...)
		for i := range min(1, len(sends)) {
			sends[i] ^= 1
		}
	case SendsShort:
		sends = part[:len(part)/2]
	case StallsFetch:
		sends = part[:len(part)*99/100]
	}
	l.say(s, data, map[int]any{1: says, 2: total})
	if _, err := s.Write(sends); err == nil && l.trick == StallsFetch {
		l.freeze()
	}
}
