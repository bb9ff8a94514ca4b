package work

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/batchain/batchain/wire"
)

// Bounds on what an owner may ask for.
const (
	MaxInput    = 256 << 10  // bytes of a unit's input; what is larger is a file of the mesh
	MaxOutput   = 1008 << 10 // bytes of a result; a row of it stays below 1 MiB
	MaxKey      = 128        // bytes of a unit's key
	MaxArgs     = 32         // arguments of a program
	MaxArg      = 1 << 10    // bytes of one
	MaxPriority = 9          // of a unit; 0 is the lowest
	MaxName     = 64         // bytes of a project's name, or a program's
	MaxAttempts = 64         // attempts at one unit, whatever the policy says
	MaxContext  = 16 << 10   // bytes of what a project says to all its workers
	MaxFiles    = 16         // files that all workers of a project read
)

// Kind says what a program is. It crosses the wire: append only.
type Kind uint8

// The kinds of programs.
const (
	// WASM is a WebAssembly module, named by its hash.
	WASM Kind = 1
	// Native is a command that the bee's owner has allowed, by its name.
	Native Kind = 2
	// Inline is a Go function of the bee's process, by its name.
	Inline Kind = 3
)

// Program is what bees run. Its fields decide about results, so all of them
// are part of its [Program.ID].
type Program struct {
	Kind   Kind     `cbor:"1,keyasint"`
	Name   string   `cbor:"2,keyasint,omitempty"` // of a Native or Inline program; of a module, for people
	Module []byte   `cbor:"3,keyasint,omitempty"` // SHA-256 of a module's bytes
	Args   []string `cbor:"4,keyasint,omitempty"`
	Limits Limits   `cbor:"5,keyasint"`
	// Context is what every worker is told before its first unit: one JSON value,
	// or nothing.
	Context []byte `cbor:"6,keyasint,omitempty"`
	// Files are what every worker may read.
	Files []File `cbor:"7,keyasint,omitempty"`
}

// File is a file that workers read.
type File struct {
	Name string `cbor:"1,keyasint"` // that workers find it under: letters, digits and ._-, no dot first
	Hash []byte `cbor:"2,keyasint"` // SHA-256 of its bytes, or of its manifest
	// Mesh says that Hash names the manifest of a file of the mesh, which a bee gets
	// from the hive, and the file with it from the mesh.
	Mesh bool `cbor:"3,keyasint,omitempty"`
	// Size is its length in bytes.
	Size uint64 `cbor:"4,keyasint"`
}

var fileName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)

func (f File) validate() error {
	if !fileName.MatchString(f.Name) || len(f.Hash) != sha256.Size {
		return fmt.Errorf("program: file %q: its name or hash cannot be used", f.Name)
	}
	return nil
}

// What one execution may use where its program says nothing, see [Limits].
const (
	DefaultMemory = 256 << 20 // bytes
	DefaultWall   = time.Minute
)

// Limits is what one execution may use. Zero fields leave it to the bee; [DefaultMemory] and
// [DefaultWall] are what bees take.
type Limits struct {
	Fuel   uint64        `cbor:"1,keyasint,omitempty"` // instructions, see the runner
	Memory uint64        `cbor:"2,keyasint,omitempty"` // bytes
	Output uint32        `cbor:"3,keyasint,omitempty"` // bytes, at most MaxOutput
	Wall   time.Duration `cbor:"4,keyasint,omitempty"`
}

// ProgramID names a program. Reputations are kept for each.
type ProgramID [sha256.Size]byte

// ID returns the hash of all fields.
func (p Program) ID() ProgramID {
	data, err := wire.Marshal(p)
	if err != nil { // cannot be: every field has a CBOR form
		panic(err)
	}
	return sha256.Sum256(data)
}

// Validate returns an error unless p can be handed to bees.
func (p Program) Validate() error {
	switch p.Kind {
	case WASM:
		if len(p.Module) != sha256.Size {
			return fmt.Errorf("program: a module is named by %d bytes of SHA-256, not by %d", sha256.Size, len(p.Module))
		}
	case Native, Inline:
		if p.Name == "" || len(p.Module) > 0 {
			return fmt.Errorf("program: kind %d needs a name and no module", p.Kind)
		}
	default:
		return fmt.Errorf("program: kind %d is unknown", p.Kind)
	}
	if len(p.Context) > MaxContext {
		return fmt.Errorf("program: a context of %d bytes, at most %d are allowed", len(p.Context), MaxContext)
	}
	switch {
	case len(p.Name) > MaxName:
		return fmt.Errorf("program: a name of %d bytes, at most %d are allowed", len(p.Name), MaxName)
	case len(p.Args) > MaxArgs:
		return fmt.Errorf("program: %d arguments, at most %d are allowed", len(p.Args), MaxArgs)
	case p.Limits.Output > MaxOutput:
		return fmt.Errorf("program: an output of %d bytes, at most %d are allowed", p.Limits.Output, MaxOutput)
	case p.Limits.Wall < 0:
		return fmt.Errorf("program: a unit may take %v, which is less than nothing", p.Limits.Wall)
	}
	if len(p.Files) > MaxFiles {
		return fmt.Errorf("program: %d files, at most %d are allowed", len(p.Files), MaxFiles)
	}
	for _, f := range p.Files {
		if err := f.validate(); err != nil {
			return err
		}
	}
	for _, arg := range p.Args {
		if len(arg) > MaxArg {
			return fmt.Errorf("program: an argument has %d bytes, at most %d are allowed", len(arg), MaxArg)
		}
	}
	return nil
}

// Project is units that one program works on, and what is done with their
// results. Zero fields are the defaults.
type Project struct {
	Name    string  `cbor:"1,keyasint"` // unique in its hive: 1 to 64 of a–z, 0–9, "-", "_", "."
	Program Program `cbor:"2,keyasint"`
	Policy  Policy  `cbor:"3,keyasint"`
	// Weight is the project's share of the hive's bees, relative to the other
	// projects; 1.
	Weight uint32 `cbor:"4,keyasint,omitempty"`
	// Lease is how long a bee may be silent before its unit is given to another
	// one; 60 s. A heartbeat renews it. Below 0 there is no lease.
	Lease time.Duration `cbor:"5,keyasint,omitempty"`
	// Deadline is how long an attempt may take at all; 24 h.
	Deadline time.Duration `cbor:"6,keyasint,omitempty"`
}

// MaxWeight is the largest share of one project.
const MaxWeight = 1000

var projectName = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// WithDefaults returns p with every default in its place.
func (p Project) WithDefaults() Project {
	p.Weight = cmp.Or(p.Weight, 1)
	p.Lease = cmp.Or(p.Lease, time.Minute)
	p.Deadline = cmp.Or(p.Deadline, 24*time.Hour)
	p.Policy = p.Policy.WithDefaults()
	return p
}

// Validate returns an error unless p, with its defaults, can be worked on.
func (p Project) Validate() error {
	if !projectName.MatchString(p.Name) {
		return fmt.Errorf("project %q: a name is 1 to 64 of a-z, 0-9 and ._-", p.Name)
	}
	if err := p.Program.Validate(); err != nil {
		return fmt.Errorf("project %s: %w", p.Name, err)
	}
	switch {
	case p.Weight > MaxWeight:
		return fmt.Errorf("project %s: a weight of %d, at most %d is allowed", p.Name, p.Weight, MaxWeight)
	case p.Deadline < time.Millisecond:
		return fmt.Errorf("project %s: a deadline of %v, at least 1ms is allowed", p.Name, p.Deadline)
	case p.Lease > 0 && p.Lease < time.Millisecond:
		return fmt.Errorf("project %s: a lease of %v, at least 1ms is allowed", p.Name, p.Lease)
	}
	if err := p.Policy.Validate(); err != nil {
		return fmt.Errorf("project %s: %w", p.Name, err)
	}
	return nil
}

// ErrSealed means that a project takes no more units: its owner said so, or it
// is over.
var ErrSealed = errors.New("the project takes no more units")

// ErrNotMade means that a project has fewer units than somebody speaks of.
var ErrNotMade = errors.New("the project has no such unit")

// Unit is one piece of work: an input for the project's program.
type Unit struct {
	// Key, when not empty, is the unit's name where it comes from, a row of a
	// table for instance. A project takes one unit of each key; more are
	// nothing new.
	Key string `cbor:"1,keyasint,omitempty"`
	// Input is what the program reads, at most [MaxInput]. It may be empty.
	Input []byte `cbor:"2,keyasint"`
	// Priority puts a unit before others of its project: 0 to [MaxPriority].
	Priority uint8 `cbor:"3,keyasint,omitempty"`
}

// Validate returns [wire.ErrTooBig], wrapped, or another error unless u can be taken.
func (u Unit) Validate() error {
	if len(u.Input) > MaxInput || len(u.Key) > MaxKey {
		return fmt.Errorf("unit of %d bytes, key of %d: %w", len(u.Input), len(u.Key), wire.ErrTooBig)
	}
	if u.Priority > MaxPriority {
		return fmt.Errorf("unit: priority %d, at most %d is allowed", u.Priority, MaxPriority)
	}
	return nil
}
