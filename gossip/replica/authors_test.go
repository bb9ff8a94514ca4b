package replica_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
)

// Of an author who may not write any more nothing is taken, and what was taken before
// is passed on until the file is read anew; nobody else is held up by that, and when
// he may again, what he wrote meanwhile comes.
func TestAuthorWhoMayNotWriteAnyMore(t *testing.T) {
	var removed atomic.Bool
	once := replicatest.Signer(3).ID()
	authors := func(cfg *replica.Config) {
		cfg.Authors = func(p peer.ID) bool { return p != once || !removed.Load() }
	}
	path := filepath.Join(t.TempDir(), "doc")
	a, ra := openMap(t, path, 1, authors)
	b, rb := newMap(t, 2)
	c, rc := newMap(t, 3)
	must(t, a.Set("a", []byte("1")))
	must(t, c.Set("c", []byte("1")))
	replicatest.MustSync(t, ra, rc)

	removed.Store(true)
	must(t, a.Set("a", []byte("2")))
	must(t, c.Set("c", []byte("2")))
	replicatest.MustSync(t, ra, rc)
	replicatest.MustSync(t, ra, rb)
	wantMap(t, "who has removed it", a, map[string]string{"a": "2", "c": "1"})
	wantMap(t, "who has not", b, map[string]string{"a": "2", "c": "1"})

	must(t, ra.Close())
	a, ra = openMap(t, path, 1, authors)
	must(t, a.Set("a", []byte("3")))
	replicatest.MustSync(t, ra, rb)
	replicatest.MustSync(t, ra, rc)
	wantMap(t, "after a restart", a, map[string]string{"a": "3"})
	wantMap(t, "who has not", b, map[string]string{"a": "3", "c": "1"})

	removed.Store(false)
	replicatest.MustSync(t, ra, rc)
	wantMap(t, "when it may again", a, map[string]string{"a": "3", "c": "2"})
}
