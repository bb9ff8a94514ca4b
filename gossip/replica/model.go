package replica

import (
	"iter"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Model is one kind of replicated data: what updates mean. The base, [Replica],
// orders, signs, carries and keeps them apart from that. It calls a model's
// methods one at a time, and expects no error: what Check let pass has to be
// applied.
//
// What a model shows must follow from the set of updates that it holds, not from
// the order in which they came: replicas that hold the same set must show the
// same. Where two updates compete, [Update.Compare] says which is later. A change must
// mean the same under whatever source it is issued: no sums of what one has written
// before. Package replicatest checks all but that for any model.
type Model interface {
	// Check says whether change is well formed. It must depend on the bytes
	// alone, so that every replica gives the same answer.
	Check(change []byte) error
	// Apply takes in an update, which is newer than all others of its source
	// except after a reset, and keeps it for History.
	Apply(u Update)
	// Forget drops an update that its author no longer vouches for. Often its
	// successor was applied just before. An update that the model does not hold
	// is nothing to it.
	Forget(source Source, seq uint64)
	// History yields the updates held that since does not cover, in the order of
	// [Update.Compare]. A nil clock covers nothing.
	History(since Clock) iter.Seq[Update]
}

// Pruner is a [Model] that knows which updates need not be kept.
type Pruner interface {
	// Obsolete returns the sequence numbers of updates of u's own source that
	// nobody needs any more once u is applied, which is about to be. A u whose
	// Change is empty only tidies up: the whole model may be looked through.
	Obsolete(u Update) []uint64
}

// Binder is a [Model] whose own methods make changes. [New] gives it the way to do
// so, which is [Replica.Local], and tells it in whose name.
type Binder interface {
	Bind(id peer.ID, local func(changes ...[]byte) error)
}
