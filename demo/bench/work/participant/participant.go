package participant

import (
	"context"
	"errors"
	"time"
)

// System is one that takes part.
type System struct {
	Name string
	// Sync says what is on the disk when Add returns, and when a result counts.
	Sync string
	// Spawns says that each unit is a process, so that fewer of them are played.
	Spawns bool
	// Least is how many workers it needs at least: each unit is done by so many.
	Least int
	// Mends is how long it may be without an output when a worker has died, or for
	// ever when its queue was lost; 20 s.
	Mends time.Duration
	// Only names the scenarios that it takes part in; all when there are none.
	Only []string
	// Missing returns why the system cannot run on this machine, or nil.
	Missing func() error
	// Start starts the system without workers. It ends with Queue.Close.
	Start func(ctx context.Context, p Place) (Queue, error)
}

// Place is what a system is given.
type Place struct {
	Dir   string        // a folder of its own
	Unit  string        // the program that does one unit, see package unit
	Lease time.Duration // after which the work of a worker that died is given away again
}

// Queue is a system at work.
type Queue interface {
	// Add hands in units; when it returns they are as safe as System.Sync says.
	Add(ctx context.Context, inputs [][]byte) error
	// Work starts workers, and returns when they wait for work. Each of env is
	// KEY=VALUE and added to their environment.
	Work(ctx context.Context, workers int, env ...string) error
	// Take returns the next outputs, at least one, in any order.
	Take(ctx context.Context) ([][]byte, error)
	// Process returns the process that keeps the queue.
	Process() int
	// Close ends all that was started, and waits for it.
	Close() error
}

// Phoenix is a Queue whose processes can be killed at any moment. What it kept on
// the disk is there when it is started again.
type Phoenix interface {
	Queue
	// Kill ends the process that keeps the queue, and so many workers, by SIGKILL.
	Kill(workers int) error
	// Revive starts what keeps the queue again; workers that live find it.
	Revive(ctx context.Context) error
}

// ErrNotHere is why a system that this machine lacks a program for is skipped.
var ErrNotHere = errors.New("not on this machine")
