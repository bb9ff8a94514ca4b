package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The exit codes of the command line. An [Error] carries one, so that whoever
// finds a fault says once and for all what it means to a script.
const (
	ExitDone         = 0
	ExitUnclassified = 1
	ExitUsage        = 2
	ExitShortfall    = 3
	ExitNotFound     = 4
	ExitNetwork      = 5
	ExitNoRoom       = 6
	ExitIntegrity    = 7
	ExitPermission   = 8
	ExitTooFew       = 9
	ExitNeedsNode    = 10
	ExitHomeBusy     = 11
	ExitDiskFull     = 12
	ExitConfig       = 13
	ExitUnit         = 14
	ExitInterrupted  = 130
)

// Error is a fault as a person or a script is told of it. It travels whole, but
// for the error it was made from: of that only the text.
type Error struct {
	Code    string   `json:"code"`             // "E0601": exit code and number, two digits each
	Exit    int      `json:"exit"`             // exit code of the command
	Message string   `json:"message"`          // one sentence of what
	Why     string   `json:"why,omitempty"`    // one of why, with numbers
	Hints   []string `json:"hints"`            // commands that help
	Detail  string   `json:"detail,omitempty"` // the chain of errors underneath
	cause   error
}

// NewError returns an error of an exit code and a number under it. The format's
// %w, if there is one, is unwrapped to and becomes the detail.
func NewError(exit, number int, format string, args ...any) *Error {
	text := fmt.Errorf(format, args...)
	e := &Error{Code: fmt.Sprintf("E%02d%02d", exit, number), Exit: exit, Message: text.Error(), Hints: []string{}}
	if cause := errors.Unwrap(text); cause != nil {
		e.cause, e.Detail = cause, cause.Error()
	}
	return e
}

// Because sets why, and returns e.
func (e *Error) Because(format string, args ...any) *Error {
	e.Why = fmt.Sprintf(format, args...)
	return e
}

// Try adds commands that help, and returns e.
func (e *Error) Try(hints ...string) *Error {
	e.Hints = append(e.Hints, hints...)
	return e
}

// Wrap sets the error that e explains, and returns e.
func (e *Error) Wrap(cause error) *Error {
	if cause != nil {
		e.cause, e.Detail = cause, cause.Error()
	}
	return e
}

// Error returns code, message and why in one line.
func (e *Error) Error() string {
	text := e.Code + ": " + e.Message
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

// Unwrap returns the error that e explains, nil once it has travelled.
func (e *Error) Unwrap() error { return e.cause }

// AsError returns err as an [*Error]: its own if it holds one, the one for an
// ended context, else E0100 with the innermost error as the reason. The result
// may be changed; nil stays nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var own *Error
	switch {
	case errors.As(err, &own):
		same := *own
		return &same
	case errors.Is(err, context.DeadlineExceeded):
		return NewError(ExitNetwork, 1, "the time allowed was not enough").Wrap(err)
	case errors.Is(err, context.Canceled):
		return NewError(ExitInterrupted, 1, "interrupted").Wrap(err)
	}
	return NewError(ExitUnclassified, 0, "this did not work").Because("%s", innermost(err)).Wrap(err)
}

// innermost follows a chain of errors to its end; a join counts as an end.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil || strings.TrimSpace(next.Error()) == "" {
			return err.Error()
		}
		err = next
	}
}

// The bounds of an error that travels: more than this helps nobody.
const (
	maxErrorText  = 4 << 10 // bytes of message, why, detail and each hint
	maxErrorHints = 8
)

// bounded returns e with every text cut to what may travel.
func (e *Error) bounded() *Error {
	short := *e
	short.Message = cut(e.Message, maxErrorText)
	short.Why = cut(e.Why, maxErrorText)
	short.Detail = cut(e.Detail, maxErrorText)
	short.Hints = make([]string, 0, len(e.Hints))
	for _, hint := range e.Hints[:min(len(e.Hints), maxErrorHints)] {
		short.Hints = append(short.Hints, cut(hint, maxErrorText/maxErrorHints))
	}
	return &short
}

// cut returns text of at most limit bytes, ending in … when some are missing.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
}
