package replica

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Bucket holds many documents of any kind that are replicated together, over one
// stream, under one clock and one signature an update. It is safe for concurrent use.
type Bucket struct {
	kind  func(name string) Model
	id    peer.ID
	local func(changes ...[]byte) error

	mu   sync.RWMutex
	log  Log[bucketOp]
	docs map[string]*document
}

// document is one of them. It goes with its last update, unless somebody has it.
type document struct {
	Model
	updates int
	given   bool
}

// bucketOp is a change of one of the documents.
type bucketOp struct {
	Name   []byte `cbor:"1,keyasint"`
	Change []byte `cbor:"2,keyasint"`
}

// NewBucket returns an empty bucket. kind makes the empty model of a document when
// it is first met here or elsewhere, or returns nil for a name that there cannot be;
// changes of that are refused. It must agree in all replicas.
func NewBucket(kind func(name string) Model) *Bucket {
	return &Bucket{kind: kind, docs: map[string]*document{}}
}

// Doc returns the document of a name; nil when there cannot be one.
func (b *Bucket) Doc(name string) Model {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.doc(name)
	if d == nil {
		return nil
	}
	d.given = true
	return d.Model
}

func (b *Bucket) doc(name string) *document {
	if d := b.docs[name]; d != nil {
		return d
	}
	m := b.kind(name)
	if m == nil {
		return nil
	}
	if inner, ok := m.(Binder); ok {
		inner.Bind(b.id, func(changes ...[]byte) error { return b.write(name, changes) })
	}
	d := &document{Model: m}
	b.docs[name] = d
	return d
}

func (b *Bucket) write(name string, changes [][]byte) error {
	if b.local == nil {
		return errUnbound
	}
	wrapped := make([][]byte, len(changes))
	for i, change := range changes {
		var err error
		if wrapped[i], err = wire.Marshal(bucketOp{Name: []byte(name), Change: change}); err != nil {
			return fmt.Errorf("bucket: %w", err)
		}
	}
	return b.local(wrapped...)
}

// Names yields the names of the documents that somebody has written to, in order.
func (b *Bucket) Names() iter.Seq[string] {
	b.mu.RLock()
	defer b.mu.RUnlock()
	names := map[string]bool{}
	for _, e := range b.log.Since(nil) {
		names[string(e.Is.Name)] = true
	}
	return slices.Values(slices.Sorted(maps.Keys(names)))
}

// Bind is part of [Binder].
func (b *Bucket) Bind(id peer.ID, local func(changes ...[]byte) error) { b.id, b.local = id, local }

// Check is part of [Model].
func (b *Bucket) Check(change []byte) error {
	op, err := parseBucketOp(change)
	if err != nil {
		return err
	}
	m := b.kind(string(op.Name))
	if m == nil {
		return fmt.Errorf("bucket: %w: no document can be called %q", wire.ErrBadRequest, op.Name)
	}
	return m.Check(op.Change)
}

func parseBucketOp(change []byte) (bucketOp, error) {
	var op bucketOp
	if err := wire.Unmarshal(change, &op); err != nil {
		return bucketOp{}, fmt.Errorf("bucket: %w", err)
	}
	return op, nil
}

// Apply is part of [Model].
func (b *Bucket) Apply(u Update) {
	op, err := parseBucketOp(u.Change)
	if err != nil {
		return // Check let it pass
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log.Add(u, op)
	inner := u
	inner.Change = op.Change
	d := b.doc(string(op.Name))
	d.updates++
	d.Apply(inner)
}

// Forget is part of [Model].
func (b *Bucket) Forget(source Source, seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.log.Remove(source, seq)
	if !ok {
		return
	}
	d := b.doc(string(e.Is.Name))
	d.Forget(source, seq)
	if d.updates--; d.updates == 0 && !d.given {
		delete(b.docs, string(e.Is.Name))
	}
}

// History is part of [Model].
func (b *Bucket) History(since Clock) iter.Seq[Update] {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.log.History(since)
}

// Obsolete is part of [Pruner]: what the document says; without a change, what all of
// them say.
func (b *Bucket) Obsolete(u Update) []uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(u.Change) > 0 {
		op, _ := parseBucketOp(u.Change)
		u.Change = op.Change
		return obsolete(b.doc(string(op.Name)).Model, u)
	}
	var seqs []uint64
	for _, d := range b.docs {
		seqs = append(seqs, obsolete(d.Model, u)...)
	}
	return seqs
}

func obsolete(m Model, u Update) []uint64 {
	if p, ok := m.(Pruner); ok {
		return p.Obsolete(u)
	}
	return nil
}
