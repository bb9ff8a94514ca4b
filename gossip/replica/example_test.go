package replica_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"log"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/wire"
)

// Highest is a model of one's own: the highest number that anybody has reported. What
// it shows depends on no order, not even on times.
type Highest struct {
	local func(changes ...[]byte) error

	mu  sync.Mutex
	log replica.Log[int64]
}

// Report reports a number, here at once and everywhere in time.
func (h *Highest) Report(n int64) error {
	change, err := wire.Marshal(n)
	if err != nil {
		return err
	}
	return h.local(change)
}

// Get returns the highest number, 0 when there is none.
func (h *Highest) Get() (highest int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.log.Since(nil) {
		highest = max(highest, e.Is)
	}
	return highest
}

// Bind lets Report make changes.
func (h *Highest) Bind(_ peer.ID, local func(changes ...[]byte) error) { h.local = local }

// Check takes one number.
func (h *Highest) Check(change []byte) error {
	var n int64
	return wire.Unmarshal(change, &n)
}

// Apply keeps an update.
func (h *Highest) Apply(u replica.Update) {
	var n int64
	_ = wire.Unmarshal(u.Change, &n) // Check let it pass
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.Add(u, n)
}

// Forget drops an update.
func (h *Highest) Forget(source replica.Source, seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.Remove(source, seq)
}

// History yields what is kept.
func (h *Highest) History(since replica.Clock) iter.Seq[replica.Update] {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.History(since)
}

// Obsolete drops the source's own numbers that are not above the new one.
func (h *Highest) Obsolete(u replica.Update) (seqs []uint64) {
	var n int64
	if len(u.Change) == 0 || wire.Unmarshal(u.Change, &n) != nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.log.By(u.Source) {
		if e.Is <= n {
			seqs = append(seqs, e.Update.Seq)
		}
	}
	return seqs
}

// newHighest returns a model and its replica, which signs with a new key.
func newHighest() (*Highest, *replica.Replica, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	signer, err := replica.KeySigner(key)
	if err != nil {
		return nil, nil, err
	}
	h := &Highest{}
	r, err := replica.New(h, replica.Config{Doc: "scores", Mesh: "example", Signer: signer})
	return h, r, err
}

// Two copies of a document, whose model was made for the purpose, meet over a stream
// and are equal afterwards.
func Example() {
	alice, ra, err := newHighest()
	if err != nil {
		log.Fatal(err)
	}
	defer ra.Close()
	bob, rb, err := newHighest()
	if err != nil {
		log.Fatal(err)
	}
	defer rb.Close()

	for _, score := range []int64{12, 40, 7} {
		if err := alice.Report(score); err != nil {
			log.Fatal(err)
		}
	}
	if err := bob.Report(42); err != nil {
		log.Fatal(err)
	}

	here, there := net.Pipe() // or a stream of libp2p
	done := make(chan error)
	go func() { done <- rb.Replicate(context.Background(), there, replica.StreamOptions{}) }()
	if err := ra.Replicate(context.Background(), here, replica.StreamOptions{}); err != nil {
		log.Fatal(err)
	}
	if err := <-done; err != nil {
		log.Fatal(err)
	}
	fmt.Println(alice.Get(), bob.Get())
	// Output: 42 42
}
