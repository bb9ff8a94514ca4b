package exchange_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// picked signs an AUDIT of these leaves.
func (f file) picked(t testing.TB, host peer.ID, picks ...shard.Pick) wire.Signed {
	t.Helper()
	return f.ordered(t, shard.OrderAudit, shard.Order{Host: host, Picks: picks})
}

func TestAudit(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f := newFile(t)
	for segment, size := range []int{1, shard.LeafSize - 1, shard.LeafSize, shard.LeafSize + 1, 5*shard.LeafSize + 7, 2 << 20} {
		body := noise(uint64(segment), size)
		id := f.put(t, c, n.host.ID(), uint32(segment), body)
		var picks []shard.Pick
		for leaf := 0; leaf < shard.Leaves(size) && len(picks) < shard.MaxPicks; leaf++ {
			picks = append(picks, shard.Pick{Shard: id, Leaf: uint32(leaf)})
		}
		slices, err := c.Audit(t.Context(), n.host.ID(), f.signed, f.picked(t, n.host.ID(), picks...), len(picks))
		if err != nil {
			t.Fatal(err)
		}
		for i, slice := range slices {
			leaf, err := shard.VerifyLeaf(id, size, uint32(i), slice)
			if from := i * shard.LeafSize; err != nil || !bytes.Equal(leaf, body[from:min(from+shard.LeafSize, size)]) {
				t.Errorf("leaf %d of %d bytes: %v", i, size, err)
			}
		}
	}
}

// What is lost, damaged, unknown or beyond the end has no slice; the others have.
func TestAuditOfWhatIsNotHeld(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, size := newFile(t), 3*shard.LeafSize
	good, lost, bad := f.put(t, c, n.host.ID(), 0, noise(1, size)), f.put(t, c, n.host.ID(), 1, noise(2, size)), f.put(t, c, n.host.ID(), 2, noise(3, size))
	n.store.Lose(lost)
	n.store.Damage(bad) // in the middle
	picks := []shard.Pick{{Shard: good}, {Shard: lost}, {Shard: bad}, {Shard: bad, Leaf: 1}, {Shard: shard.ID{1}}, {Shard: good, Leaf: 3}, {Shard: good, Leaf: 2}}
	want := []bool{true, false, true, false, false, false, true}
	slices, err := c.Audit(t.Context(), n.host.ID(), f.signed, f.picked(t, n.host.ID(), picks...), len(picks))
	if err != nil {
		t.Fatal(err)
	}
	for i, slice := range slices {
		if (slice != nil) != want[i] {
			t.Errorf("pick %d: %d bytes, held is %v", i, len(slice), want[i])
		}
		if _, err := shard.VerifyLeaf(picks[i].Shard, size, picks[i].Leaf, slice); want[i] && err != nil {
			t.Errorf("pick %d: %v", i, err)
		}
	}
}

func TestAuditRefused(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f := newFile(t)
	many := make([]shard.Pick, shard.MaxPicks+1)
	audit := func(order wire.Signed, picks int) error {
		_, err := c.Audit(t.Context(), n.host.ID(), f.signed, order, picks)
		return err
	}
	for name, err := range map[string]error{
		"no pick":           audit(f.picked(t, n.host.ID()), 1),
		"too many":          audit(f.picked(t, n.host.ID(), many...), shard.MaxPicks),
		"none of our own":   audit(f.picked(t, n.host.ID()), 0),
		"too many, our own": audit(f.picked(t, n.host.ID(), many...), len(many)),
	} {
		if !errors.Is(err, wire.ErrBadRequest) && !errors.Is(err, wire.ErrTooBig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := audit(f.picked(t, n.host.ID(), many[:2]...), 1); !errors.Is(err, exchange.ErrProtocol) {
		t.Errorf("two slices for one pick: %v, want ErrProtocol", err)
	}
}

// A disk that fails is not a shard that is lost.
func TestAuditOfAFailingStore(t *testing.T) {
	n := serve(t, func(cfg *exchange.ServerConfig) { cfg.Store = failingStore{exchangetest.NewStore()} })
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f := newFile(t)
	_, err := c.Audit(t.Context(), n.host.ID(), f.signed, f.picked(t, n.host.ID(), shard.Pick{}), 1)
	if !errors.Is(err, wire.ErrInternal) {
		t.Errorf("Audit: %v, want ErrInternal", err)
	}
}

type failingStore struct{ *exchangetest.Store }

func (failingStore) Prove(shard.ID, uint32) ([]byte, error) { return nil, errors.New("disk") }

// A host that lies is either refused by the client or caught by VerifyLeaf.
func TestAuditOfLiar(t *testing.T) {
	for trick, want := range map[exchangetest.Trick]error{
		exchangetest.KeepsHashes:       wire.ErrDamaged,
		exchangetest.ProvesOtherLeaf:   wire.ErrDamaged,
		exchangetest.ProvesOtherShard:  wire.ErrDamaged,
		exchangetest.ProvesOtherLength: wire.ErrDamaged,
		exchangetest.ProvesDamaged:     wire.ErrDamaged,
		exchangetest.StoresNothing:     wire.ErrNotFound, // no slice
		exchangetest.ProvesTooMuch:     exchange.ErrProtocol,
		exchangetest.ProvesTooLong:     exchange.ErrProtocol,
		exchangetest.ProofStalls:       wire.ErrTimeout,
		exchangetest.NeverAnswers:      wire.ErrTimeout,
		exchangetest.Rubbish:           exchange.ErrProtocol,
		exchangetest.HugeFrame:         exchange.ErrProtocol,
	} {
		t.Run(string(trick), func(t *testing.T) {
			c, _, net, f := liar(t, trick)
			size := 100_000
			body := noise(1, size)
			o := f.lot(t, 0, 0, body)
			_, _, _ = c.Offer(t.Context(), net.LocalPeer(), o, body, nil)
			pick := shard.Pick{Shard: o.Terms.Shard, Leaf: uint32(shard.Leaves(size)) - 1}
			slices, err := c.Audit(t.Context(), net.LocalPeer(), f.signed, f.picked(t, net.LocalPeer(), pick, pick), 2)
			if err == nil && slices[0] == nil {
				err = wire.ErrNotFound
			} else if err == nil {
				_, err = shard.VerifyLeaf(pick.Shard, size, pick.Leaf, slices[0])
			}
			if !errors.Is(err, want) {
				t.Errorf("Audit: %v, want %v", err, want)
			}
		})
	}
}
