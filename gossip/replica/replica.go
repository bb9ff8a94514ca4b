package replica

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Replica is one copy of a document: a [Model] and what it takes to keep it equal
// with others. It is safe for concurrent use.
type Replica struct {
	cfg     Config
	model   Model
	metrics *metrics
	staged  atomic.Int64 // bytes of updates that streams hold and have not taken in
	running sync.WaitGroup

	mu      sync.Mutex
	self    Source
	wrote   bool   // something was issued under this epoch in this run
	loaded  uint64 // our own newest number when the state was read
	clock   hybrid
	sources map[Source]*source
	epochs  map[peer.ID]int
	idle    Log[struct{}] // updates that only drop: no model knows them
	bytes   int
	changed chan struct{} // closed and made anew when something was taken in
	streams map[*stream]struct{}
	clones  int
	journal *journal // nil: nothing is kept on disk
	closed  bool
}

// New returns a replica of a document that holds what model holds: nothing. It
// starts nothing.
func New(model Model, cfg Config) (*Replica, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	r := &Replica{
		cfg: cfg, model: model, metrics: newMetrics(cfg.Doc),
		self:    newEpoch(cfg.Signer.ID()),
		sources: map[Source]*source{}, epochs: map[peer.ID]int{},
		changed: make(chan struct{}), streams: map[*stream]struct{}{},
	}
	if err := r.metrics.register(cfg.Registerer, r); err != nil {
		return nil, fmt.Errorf("replica %s: %w", cfg.Doc, err)
	}
	if b, ok := model.(Binder); ok {
		b.Bind(r.self.Peer, r.Local)
	}
	return r, nil
}

func newEpoch(id peer.ID) Source { return Source{Peer: id, Epoch: rand.Uint64()>>1 | 1} }

// Source is in whose name this replica writes.
func (r *Replica) Source() Source {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.self
}

// Clock says what this replica knows.
func (r *Replica) Clock() Clock {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known()
}

func (r *Replica) known() Clock {
	c := make(Clock, len(r.sources))
	for source, s := range r.sources {
		c[source] = s.seq
	}
	return c
}

// Ahead is how far this replica is ahead of its wall clock. More than [MaxSkew] means
// that the wall clock was wrong when something was written or read from a file, and
// that what is written now waits.
func (r *Replica) Ahead() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, r.clock.last.Time().Sub(r.cfg.Now()))
}

// History returns the updates kept that since does not cover, by time.
func (r *Replica) History(since Clock) []Update {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history(since)
}

func (r *Replica) history(since Clock) []Update {
	updates := slices.Collect(r.model.History(since))
	if idle := r.idle.History(since); r.idle.Len() > 0 {
		updates = slices.AppendSeq(updates, iter.Seq[Update](idle))
		slices.SortFunc(updates, Update.Compare)
	}
	return updates
}

// Counts is how much there is.
type Counts struct {
	Sources, Updates, Bytes int // known, kept, and the bytes of those kept
	Streams, Clones         int // open
}

// Counts counts.
func (r *Replica) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := Counts{Sources: len(r.sources), Bytes: r.bytes, Streams: len(r.streams), Clones: r.clones}
	for _, s := range r.sources {
		c.Updates += len(s.held)
	}
	return c
}

// Close ends all streams and clones, waits for them, and closes the file. The
// model can be read further on.
func (r *Replica) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	for s := range r.streams {
		s.cancel(ErrClosed)
	}
	r.mu.Unlock()
	r.running.Wait()
	r.metrics.unregister(r.cfg.Registerer)
	return r.journal.close()
}
