package feed

import (
	"context"
	"iter"

	"github.com/batchain/batchain/work"
)

// Store is where units come from, and where what came of them goes. One [Run]
// uses it at a time, from two goroutines. Every error means that the step has
// not happened, or that it is not known, and is tried again.
type Store interface {
	// Cursor returns the number of the datachunk that is put next.
	Cursor(ctx context.Context) (uint64, error)
	// Claimed returns the units that were claimed and of which no datachunk was
	// put, in any order. It is called at the start.
	Claimed(ctx context.Context) iter.Seq2[work.Unit, error]
	// Claim takes at most n units that nobody has claimed, for this project and
	// for good: when it returns they are on the disk as claimed. Each has a key that
	// no other unit ever has. The error is [work.ErrNoWork] when there is none at the
	// moment, and [io.EOF] when there is nothing that could become one either.
	Claim(ctx context.Context, n int) ([]work.Unit, error)
	// Put writes datachunks, whose numbers grow, and the cursor behind the last one,
	// in one step. It passes over those before the cursor, and over those whose key
	// it does not know.
	Put(ctx context.Context, chunks []work.Datachunk) error
	// Finish is told that the project is over: what is claimed will get no datachunk.
	Finish(ctx context.Context) error
}

// Hive is what feed needs of a hive; [github.com/batchain/batchain/work/hive.Hive]
// has it.
type Hive interface {
	Add(ctx context.Context, project string, units ...work.Unit) (added int, err error)
	Seal(ctx context.Context, project string) error
	Datachunks(ctx context.Context, project string, from uint64) iter.Seq2[work.Datachunk, error]
	Acknowledge(ctx context.Context, project, consumer string, next uint64) error
}
