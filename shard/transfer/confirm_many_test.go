package transfer

import (
	"bytes"
	"io"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// However much of a long put one host has, all of it is confirmed meanwhile.
func TestLongPutConfirmsEveryPage(t *testing.T) {
	const count = 5000 // 20 pages
	b := newBed(t, 1)
	k, id := b.hosts[0], shard.FileID{7}
	g, grant, err := shard.NewGrant(b.seed, id, mesh)
	if err != nil {
		t.Fatal(err)
	}
	p := &put{
		e: b.engine, grant: grant, digest: shard.GrantDigest(grant), repair: b.seed.FileKey(id).RepairKey(), scheme: twoThree,
		opts:    PutOptions{Lease: shard.LeaseDefault},
		journal: &journal{segments: map[uint32]*progressOf{}, hosts: map[peer.ID][][]byte{k.host.ID(): nil}},
	}
	for n := range uint32(count) {
		body := []byte{byte(n), byte(n >> 8), 0, 0}
		terms := shard.Offer{Grant: p.digest, Shard: shard.Sum(body), Segment: n, Length: uint32(len(body)), Lease: 60 * 86400}
		lot := shard.Lot{Peer: b.owner.ID(), Grant: g, SignedGrant: grant, Offer: terms, Draft: true}
		if _, err := k.store.Receive(t.Context(), lot, func(int64) (io.Reader, error) { return bytes.NewReader(body), nil }); err != nil {
			t.Fatal(err)
		}
		p.journal.segments[n] = &progressOf{}
	}
	if err := b.owner.Connect(t.Context(), k.info()); err != nil {
		t.Fatal(err)
	}
	p.confirmSome(t.Context())
	if n := k.store.Drafts(); n > 0 {
		t.Errorf("%d of %d shards at one host are still drafts, and go a day after they came", n, count)
	}
}
