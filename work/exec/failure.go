package exec

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Code says in what way a unit failed. Codes travel to the hive: append only.
type Code string

// The ways in which a unit fails. [Failure.Repeatable] tells those that are
// the unit's own doing from those of one machine.
const (
	CodeModule   Code = "module"   // no WebAssembly module, or one that we do not run
	CodeCompile  Code = "compile"  // compiling took more time or memory than a module may
	CodeTrap     Code = "trap"     // the module trapped: unreachable, out of bounds, division by zero …
	CodeExit     Code = "exit"     // it ended with an exit code other than 0
	CodeFuel     Code = "fuel"     // it used up its fuel
	CodeMemory   Code = "memory"   // it wanted more memory than it may have
	CodeOutput   Code = "output"   // it wrote more than it may
	CodeWall     Code = "wall"     // it was not done in time
	CodeProtocol Code = "protocol" // it does not keep to the line protocol
	CodeDied     Code = "died"     // its process ended in the middle
	CodeWorker   Code = "worker"   // it said itself that it cannot do the unit
	CodeDenied   Code = "denied"   // the owner of this machine does not allow it
	CodeSandbox  Code = "sandbox"  // this machine lacks a layer of the sandbox that it needs
)

// Failures to compare with by [errors.Is]; only the code counts.
var (
	ErrModule   = &Failure{Code: CodeModule}
	ErrCompile  = &Failure{Code: CodeCompile}
	ErrTrap     = &Failure{Code: CodeTrap}
	ErrExit     = &Failure{Code: CodeExit}
	ErrFuel     = &Failure{Code: CodeFuel}
	ErrMemory   = &Failure{Code: CodeMemory}
	ErrOutput   = &Failure{Code: CodeOutput}
	ErrWall     = &Failure{Code: CodeWall}
	ErrProtocol = &Failure{Code: CodeProtocol}
	ErrDied     = &Failure{Code: CodeDied}
	ErrWorker   = &Failure{Code: CodeWorker}
	ErrDenied   = &Failure{Code: CodeDenied}
	ErrSandbox  = &Failure{Code: CodeSandbox}
)

// Failure is why a unit has no result. Its text may be shown to peers: one
// line, at most [MaxText] bytes, without stack traces or paths of this machine.
type Failure struct {
	Code      Code
	Message   string
	Fuel      uint64 // used until then; 0 when not known
	Reason    string // with [CodeWorker], the worker's own code
	Retryable bool   // with [CodeWorker], whether the worker thinks that another try may succeed
}

func fail(code Code, format string, args ...any) *Failure {
	return &Failure{Code: code, Message: clean(fmt.Sprintf(format, args...))}
}

// Error returns the code, what the worker called it, and the message.
func (f *Failure) Error() string {
	text := string(f.Code)
	if f.Reason != "" {
		text += " " + f.Reason
	}
	if f.Message != "" {
		text += ": " + f.Message
	}
	return text
}

// Is reports whether target is a [Failure] with the same code.
func (f *Failure) Is(target error) bool {
	other, ok := target.(*Failure)
	return ok && other.Code == f.Code
}

// Repeatable reports whether every machine that runs the same metered module on
// the same input with the same limits fails in the same way, so that failures
// can be compared as results are.
func (f *Failure) Repeatable() bool {
	switch f.Code {
	case CodeModule, CodeTrap, CodeExit, CodeFuel, CodeMemory, CodeOutput:
		return true
	}
	return false
}

// MaxText is the most bytes of a text that a worker wrote for people: of a
// progress, a log line, an error.
const MaxText = 256

// clean returns the first line of s, in printable characters, cut to [MaxText].
func clean(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > MaxText {
		s = s[:MaxText]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}
