package exchangetest

import (
	"bytes"

	"github.com/libp2p/go-libp2p/core/network"
	"lukechampine.com/blake3/bao"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// order reads a request that is a grant and an order, and believes it.
func (l *Liar) order(s network.Stream, payload []byte) (o shard.Order, ok bool) {
	var m struct {
		Grant wire.Signed `cbor:"1,keyasint"`
		Order wire.Signed `cbor:"2,keyasint"`
	}
	if wire.Unmarshal(payload, &m) != nil || wire.Unmarshal(m.Order.Body, &o) != nil || o.Grant != shard.GrantDigest(m.Grant) {
		_ = wire.WriteError(s, wire.ErrBadRequest)
		return o, false
	}
	return o, true
}

func (l *Liar) audit(s network.Stream, payload []byte) {
	o, ok := l.order(s, payload)
	if !ok {
		return
	}
	var lengths []int
	var all []byte
	for _, pick := range o.Picks {
		slice := l.slice(pick)
		lengths, all = append(lengths, len(slice)), append(all, slice...)
	}
	switch l.trick {
	case ProvesTooMuch:
		lengths = append(lengths, 1)
	case ProvesTooLong:
		lengths[0] = 1 << 31
	case ProofStalls:
		all = all[:len(all)/2]
	}
	l.say(s, proof, map[int]any{1: lengths})
	if _, err := s.Write(all); err == nil && l.trick == ProofStalls {
		l.freeze()
	}
}

// slice returns the slice of one leaf, or what the trick makes of it.
func (l *Liar) slice(pick shard.Pick) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	data, leaf := l.shards[pick.Shard], pick.Leaf
	tree, have := l.trees[pick.Shard]
	switch l.trick {
	case KeepsHashes:
		if !have {
			return nil
		}
		data = make([]byte, l.lengths[pick.Shard]) // it has none, and makes them up
	case ProvesOtherLeaf:
		if leaf++; int(leaf) >= shard.Leaves(len(data)) {
			leaf = 0
		}
	case ProvesOtherShard:
		data = bytes.Repeat([]byte("other"), len(data)/5+1)[:len(data)]
		tree, _ = bao.EncodeBuf(data, leafGroup, true)
	}
	if len(data) == 0 || int(leaf) >= shard.Leaves(len(data)) {
		return nil
	}
	if tree == nil {
		tree, _ = bao.EncodeBuf(data, leafGroup, true)
	}
	slice := extract(data, tree, leaf)
	switch l.trick {
	case ProvesOtherLength:
		slice[0]++
	case ProvesDamaged:
		slice[len(slice)-1] ^= 1
	}
	return slice
}

// extract returns the slice of one leaf that data has.
func extract(data, tree []byte, leaf uint32) []byte {
	from := int(leaf) * shard.LeafSize
	part := data[from:min(from+shard.LeafSize, len(data))]
	var slice bytes.Buffer
	err := bao.ExtractSlice(&slice, bytes.NewReader(part), bytes.NewReader(tree), leafGroup, uint64(from), uint64(len(part)))
	if err != nil {
		panic("exchangetest: internal error: " + err.Error())
	}
	return slice.Bytes()
}

// keepHashes keeps a shard's tree in place of its bytes.
func (l *Liar) keepHashes(id shard.ID, body []byte) {
	l.trees[id], _ = bao.EncodeBuf(body, leafGroup, true)
	l.lengths[id] = len(body)
}
