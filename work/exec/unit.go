package exec

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// ModuleID names a WebAssembly module: the SHA-256 of its bytes.
type ModuleID [32]byte

// String returns all of it, in hex.
func (id ModuleID) String() string { return hex.EncodeToString(id[:]) }

// Program is what does a unit: a module that [Pool.Load] took, or a native
// command by its name on the owner's list. Context is told to it once, before
// its first unit: one JSON value, or nil.
type Program struct {
	Module  ModuleID
	Command string // "" for a module
	Context json.RawMessage
}

// String names the program for people.
func (p Program) String() string {
	if p.Command != "" {
		return "command " + p.Command
	}
	return fmt.Sprintf("module %x", p.Module[:6])
}

// Unit is one piece of work.
type Unit struct {
	Seq    uint64            // its place in the project, for the worker to know
	Input  json.RawMessage   // one JSON value, at most [MaxInput] bytes
	Files  map[string]string // by name, paths on this machine; the worker may read them
	Limits Limits

	// Checkpoint is what a worker told Save last when it did this very unit before, on this
	// machine, and did not finish; nil: nothing. Save is told how to go on from where the worker
	// is, with one JSON value of at most [MaxCheckpoint] bytes; it may be nil. A unit
	// whose fuel is counted has no checkpoints: the fuel of its parts adds up to another sum.
	Checkpoint json.RawMessage
	Save       func(checkpoint json.RawMessage)

	// Progress is told how far the worker says it is, in percent, with a word or
	// two; Log, what it says for people and writes to standard error. All three
	// are called in order, while [Pool.Run] runs, and may be nil.
	Progress func(percent float64, text string)
	Log      func(text string)
}

// Limits bounds one unit. Zero fields are the defaults. Fuel, Memory and Output
// decide what comes out, so they belong to the unit and are equal on all machines.
type Limits struct {
	Fuel   uint64        `json:"fuel,omitempty"`   // instructions, see package meter; 0: not counted, and faster
	Memory int64         `json:"memory,omitempty"` // bytes; 256 MiB. At most 4 GiB for a module
	Output int64         `json:"output,omitempty"` // bytes on standard output in all; 1 MiB
	Wall   time.Duration `json:"wall,omitempty"`   // 1 min
}

func (l Limits) withDefaults() Limits {
	l.Memory = cmp.Or(l.Memory, 256<<20)
	l.Output = cmp.Or(l.Output, MaxLine)
	l.Wall = cmp.Or(l.Wall, time.Minute)
	return l
}

// Result is what a worker made of a unit. With a metered module Data and Fuel
// are the same on every machine.
type Result struct {
	Data json.RawMessage // one JSON value without blanks
	Fuel uint64          // used; 0 when not counted
	Wall time.Duration   // from handing it over to having the result
}
