package replica

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Somebody who writes to ever new documents, and drops what he wrote before, leaves
// nothing behind; a document that was handed out stays the one it was.
func TestEmptyDocumentsGo(t *testing.T) {
	b := NewBucket(func(string) Model { return NewMap(MapOptions{}) })
	source := Source{Peer: peer.ID("somebody"), Epoch: 1}
	given := b.Doc("doc 7")
	for seq := range uint64(1000) {
		inner, err := wire.Marshal(mapOp{Key: []byte("k")})
		if err != nil {
			t.Fatal(err)
		}
		change, err := wire.Marshal(bucketOp{Name: fmt.Appendf(nil, "doc %d", seq), Change: inner})
		if err != nil {
			t.Fatal(err)
		}
		b.Apply(Update{Source: source, Seq: seq + 1, Time: Timestamp(seq), Change: change})
		b.Forget(source, seq)
	}
	if len(b.docs) != 2 || b.Doc("doc 7") != given {
		t.Errorf("%d documents are held of 1000, the one with an update and the one in use among them", len(b.docs))
	}
}
