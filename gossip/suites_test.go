package gossip_test

import (
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/host"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/gossip/gossiptest"
)

func TestMemoryStore(t *testing.T) {
	gossiptest.TestStore(t, func(*testing.T) gossip.Store { return gossip.NewMemoryStore() })
}

func openBadger(t *testing.T, dir string) *badger.DB {
	t.Helper()
	db, err := badger.Open(badger.DefaultOptions(dir).WithLogger(nil).WithMemTableSize(8 << 20))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestBadgerStore(t *testing.T) {
	gossiptest.TestStore(t, func(t *testing.T) gossip.Store {
		db := openBadger(t, t.TempDir())
		t.Cleanup(func() { _ = db.Close() })
		return gossip.NewBadgerStore(db, "gossip", nil)
	})
}

// Rows outlive the database's being closed, those of other parts are left
// alone, and a full disk is no crash.
func TestBadgerStoreLasts(t *testing.T) {
	dir := t.TempDir()
	db := openBadger(t, dir)
	full := false
	s := gossip.NewBadgerStore(db, "gossip", func() bool { return !full })
	other := gossip.NewBadgerStore(db, "other", nil)
	for _, store := range []gossip.Store{s, other} {
		if err := store.Put(gossip.Saved{Peer: gossiptest.Peer(1), Live: true, Incarnation: 7}); err != nil {
			t.Fatal(err)
		}
	}
	full = true
	if s.Put(gossip.Saved{Peer: gossiptest.Peer(2)}) == nil || s.Delete(gossiptest.Peer(1)) == nil {
		t.Error("it writes to a full disk")
	}
	full = false
	if err := other.Delete(gossiptest.Peer(1)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openBadger(t, dir)
	defer db.Close()
	if saved, err := gossip.NewBadgerStore(db, "gossip", nil).Get(gossiptest.Peer(1)); err != nil || saved.Incarnation != 7 {
		t.Errorf("%+v, %v", saved, err)
	}
}

func TestMemoryTransport(t *testing.T) {
	gossiptest.TestTransport(t, func(_ *testing.T, n int) (ends []gossiptest.End) {
		network := gossiptest.NewNetwork(1)
		network.SetConditions(gossiptest.Conditions{Latency: time.Millisecond, Jitter: time.Millisecond, Loss: 0.1, Duplicate: 0.1})
		for i := range uint32(n) {
			ends = append(ends, gossiptest.End{Peer: gossiptest.Peer(i), Transport: network.Endpoint(gossiptest.Peer(i))})
		}
		return ends
	})
}

func TestLibp2pTransport(t *testing.T) {
	gossiptest.TestTransport(t, func(t *testing.T, n int) (ends []gossiptest.End) {
		hosts := make([]host.Host, n)
		for i := range hosts {
			hosts[i] = newHost(t, key(i))
			for _, h := range hosts[:i] {
				h.Peerstore().AddAddrs(hosts[i].ID(), hosts[i].Addrs(), time.Hour)
				hosts[i].Peerstore().AddAddrs(h.ID(), h.Addrs(), time.Hour)
			}
		}
		for _, h := range hosts {
			ends = append(ends, gossiptest.End{Peer: h.ID(), Transport: gossip.NewLibp2p(h, "test")})
		}
		return ends
	})
}
