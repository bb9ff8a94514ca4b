package transfer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/folder"
)

var (
	// ErrChanged means that a file was written to while it was read.
	ErrChanged = folder.ErrChanged
	// ErrNoFile means that the output is a folder, a device or the like, which a
	// file must not replace.
	ErrNoFile = errors.New("not a regular file")
	// ErrExists means that the output is there and may not be replaced.
	ErrExists = errors.New("output exists")
	// ErrNotInside means that a folder has no such file, or what has that name
	// cannot be had alone.
	ErrNotInside = errors.New("not in the folder")
	// ErrNoKey means that a manifest lacks the key for what was asked.
	ErrNoKey = errors.New("wrong key")
	// ErrOtherMesh means that a manifest belongs to another mesh.
	ErrOtherMesh = errors.New("manifest of another mesh")
	// ErrNobodyDeleted means that no host of a file could be told to delete it.
	ErrNobodyDeleted = errors.New("no host answered")
	// ErrPutBusy means that another put of the same file is under way.
	ErrPutBusy = errors.New("another put of this file is under way")
	// ErrGetBusy means that another get writes the same output.
	ErrGetBusy = errors.New("another get writes this file")
	// ErrNewerJournal means that a later version began this put. Nothing was
	// changed.
	ErrNewerJournal = errors.New("journal is of a newer version")
)

// ShortError means that there are too few hosts with room for a scheme, now.
// Nothing of the file is lost: its journal stays.
type ShortError struct {
	Scheme  shard.Scheme
	Need    int // hosts (or receipts of one segment, once bytes have moved)
	Have    int
	Known   int            // peers that were asked
	Refused map[string]int // why peers said no, and how many did
	Segment int            // that could not be placed; -1 before the first
}

// Error says what is missing.
func (e *ShortError) Error() string {
	if e.Segment >= 0 {
		return fmt.Sprintf("segment %d is safe on %s only, scheme %s needs at least %d", e.Segment, english.Plural(e.Have, "host", ""), e.Scheme, e.Need)
	}
	if e.Known == 0 {
		return "no hosts found"
	}
	return fmt.Sprintf("%s needed for scheme %s, only %d can take a shard now", english.Plural(e.Need, "host is", "hosts are"), e.Scheme, e.Have)
}

// Why tells how many peers are known and what the others answered.
func (e *ShortError) Why() string {
	text := english.Plural(e.Known, "peer was", "peers were") + " asked"
	var parts []string
	for why, n := range e.Refused {
		parts = append(parts, fmt.Sprintf("%d: %s", n, why))
	}
	if len(parts) > 0 {
		text += "; " + strings.Join(parts, ", ")
	}
	return text
}

// UnreachableError means that too few shards of a segment can be had.
type UnreachableError struct {
	Segment     int
	Need, Have  int               // shards
	Unreachable int               // shards whose hosts do not answer
	Damaged     int               // shards that hosts answered for wrongly, or not any more
	Hosts       map[string]string // what each host said
}

// Error says what is missing.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("segment %d needs %s and %d can be had; %s at hosts that do not answer, %s gone or damaged",
		e.Segment, english.Plural(e.Need, "shard", ""), e.Have,
		english.Plural(e.Unreachable, "more lies", "more lie"), english.Plural(e.Damaged, "is", "are"))
}

// Lost reports whether the segment would be lost even if every host that does
// not answer came back with a good shard.
func (e *UnreachableError) Lost() bool { return e.Have+e.Unreachable < e.Need }
