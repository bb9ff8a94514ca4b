package work

import (
	"cmp"
	"fmt"
	"time"
)

// Bounds on one call of a bee.
const (
	MaxTasks = 256 // tasks, results or heartbeats in one
	MaxNames = 64  // names of programs that a bee has
	// MaxWait is the longest that a hive keeps a request waiting for work.
	MaxWait = 30 * time.Second
)

// Token names one attempt to the bee that makes it. To others it says nothing,
// and the bee cannot tell from it which unit it has.
type Token [16]byte

// Wish is what a bee asks for.
type Wish struct {
	Slots uint16        `cbor:"1,keyasint"`           // tasks at most; more than MaxTasks are MaxTasks
	Kinds []Kind        `cbor:"2,keyasint"`           // that it runs
	Names []string      `cbor:"3,keyasint,omitempty"` // of the Native and Inline programs that it has
	Wait  time.Duration `cbor:"4,keyasint,omitempty"` // for work to appear, at most MaxWait
	// Resume asks first for the tasks that the bee has already, as one does that
	// was started again, or did not get the last answer.
	Resume bool `cbor:"5,keyasint,omitempty"`
	// Memory and Wall are the most that one unit may use there, in bytes and by the wall
	// clock; 0 says nothing.
	Memory uint64        `cbor:"6,keyasint,omitempty"`
	Wall   time.Duration `cbor:"7,keyasint,omitempty"`
	// Parallel is how many tasks it runs at the same time; 0 is one. The others wait in
	// it, which is of no use once few units are left.
	Parallel uint16 `cbor:"8,keyasint,omitempty"`
}

// Lacks returns what a unit of p may use and the bee does not give, in words for people;
// "" when it gives all.
func (w *Wish) Lacks(p *Program) string {
	memory, wall := cmp.Or(p.Limits.Memory, DefaultMemory), cmp.Or(p.Limits.Wall, DefaultWall)
	switch {
	case w.Memory > 0 && memory > w.Memory:
		return fmt.Sprintf("a unit may use %d MiB of memory", memory>>20)
	case w.Wall > 0 && wall > w.Wall:
		return fmt.Sprintf("a unit may take %v", wall)
	}
	return ""
}

// Runs reports whether the bee can run p.
func (w *Wish) Runs(p *Program) bool {
	for _, kind := range w.Kinds {
		if kind != p.Kind {
			continue
		}
		if kind == WASM {
			return true
		}
		for _, name := range w.Names {
			if name == p.Name {
				return true
			}
		}
	}
	return false
}

// Task is one unit as a bee gets it.
type Task struct {
	Token   Token         `cbor:"1,keyasint"`
	Program uint16        `cbor:"2,keyasint"` // place in [Batch.Programs]
	Input   []byte        `cbor:"3,keyasint"`
	Lease   time.Duration `cbor:"4,keyasint"` // 0: there is none. A heartbeat renews it
	Limit   time.Duration `cbor:"5,keyasint"` // for the whole attempt
}

// Batch is the answer to a [Wish]: tasks, or none and when to ask again.
type Batch struct {
	Programs []Program     `cbor:"1,keyasint"`
	Tasks    []Task        `cbor:"2,keyasint"`
	Retry    time.Duration `cbor:"3,keyasint,omitempty"`
}

// Status says how an execution ended. It crosses the wire: append only.
type Status uint8

// The ways in which an execution ends.
const (
	Done    Status = 1 // Output is the result
	Broken  Status = 2 // the program failed: it trapped, or went over a limit
	GivenUp Status = 3 // the bee gives the task back, for no fault of the program
)

// Result is what a bee hands in for one task.
type Result struct {
	Token  Token  `cbor:"1,keyasint"`
	Status Status `cbor:"2,keyasint"`
	Output []byte `cbor:"3,keyasint,omitempty"`
	Fuel   uint64 `cbor:"4,keyasint,omitempty"`
	Text   string `cbor:"5,keyasint,omitempty"` // why, unless Done
}

// Beat tells that a task is under way.
type Beat struct {
	Token    Token  `cbor:"1,keyasint"`
	Progress uint16 `cbor:"2,keyasint,omitempty"` // thousandths
}

// Order answers a [Beat]. It crosses the wire: append only.
type Order uint8

// The orders.
const (
	GoOn  Order = 1
	Stop  Order = 2 // the result is not needed
	Pause Order = 3 // hold the task; its lease goes on
)
