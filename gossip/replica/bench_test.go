package replica_test

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
	"github.com/batchain/batchain/wire"
)

// bare is what verifying one signature costs, the key taken from the id.
func bare(b *testing.B) time.Duration {
	b.Helper()
	s := replicatest.Signer(1)
	data := wire.Domain{Kind: "replica/doc", Mesh: "test"}.Covered(make([]byte, 120))
	sig, err := s.Sign(data)
	must(b, err)
	const rounds = 500
	began := time.Now()
	for range rounds {
		if ok, err := (replica.PeerKeys{}).Verify(context.Background(), s.ID(), data, sig); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	return time.Since(began) / rounds
}

// An update that comes from elsewhere costs little beside its signature.
func BenchmarkReplicate(b *testing.B) {
	updates := 5000
	if testing.Short() {
		updates = 500
	}
	m, r := newMap(b, 1)
	var changes [][]byte
	for n := range updates {
		changes = append(changes, encode(b, map[int]any{1: []byte(fmt.Sprint("key ", n)), 2: make([]byte, 32)}))
	}
	must(b, r.Local(changes...))
	bytes := r.Counts().Bytes
	var spent time.Duration
	for b.Loop() {
		_, empty := newMap(b, 2)
		began := time.Now()
		replicatest.MustSync(b, r, empty)
		spent += time.Since(began)
	}
	each := spent / time.Duration(b.N*m.Len())
	b.ReportMetric(float64(each.Microseconds()), "µs/update")
	b.ReportMetric(float64(each)/float64(bare(b)), "×verification")
	b.ReportMetric(float64(bytes)/float64(updates), "B/update")
}

// An own update costs a signature; on disk, a sync as well.
func BenchmarkLocal(b *testing.B) {
	b.Run("memory", func(b *testing.B) {
		m, _ := newMap(b, 1)
		for n := 0; b.Loop(); n++ {
			must(b, m.Set(fmt.Sprint(n%1000), make([]byte, 32)))
		}
	})
	b.Run("file", func(b *testing.B) {
		m, _ := openMap(b, filepath.Join(b.TempDir(), "doc"), 1)
		for n := 0; b.Loop(); n++ {
			must(b, m.Set(fmt.Sprint(n%1000), make([]byte, 32)))
		}
	})
}

// What is new reaches the other end of a tail, whatever else the document holds.
func BenchmarkTail(b *testing.B) {
	for _, held := range []int{0, 5000} {
		b.Run(fmt.Sprint("holding ", held), func(b *testing.B) {
			m, r := newMap(b, 1)
			other, ro := newMap(b, 2)
			var changes [][]byte
			for n := range held {
				changes = append(changes, encode(b, map[int]any{1: []byte(fmt.Sprint("key ", n))}))
			}
			must(b, r.Local(changes...))
			stream := tails(b, r, ro, replica.StreamOptions{}, replica.StreamOptions{})
			defer stream.end()
			next, stop := iter.Pull(other.Watch(b.Context()))
			defer stop()
			for n := 0; b.Loop(); n++ {
				must(b, m.Set("k", []byte(fmt.Sprint(n))))
				for change, ok := next(); ok && string(change.Value) != fmt.Sprint(n); {
					change, ok = next()
				}
			}
		})
	}
}
