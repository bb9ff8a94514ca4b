package wire

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Code says to another machine what went wrong. Append only: never reorder,
// never reuse.
type Code uint16

// The codes, in the order in which they came to be.
const (
	CodeInternal     Code = 1
	CodeBadRequest   Code = 2
	CodeUnsupported  Code = 3
	CodeBadSignature Code = 4
	CodeExpired      Code = 5
	CodeFull         Code = 6
	CodeQuota        Code = 7
	CodeTooBig       Code = 8
	CodeBusy         Code = 9
	CodeInProgress   Code = 10
	CodeDeleted      Code = 11
	CodeNotFound     Code = 12
	CodeDamaged      Code = 13
	CodeTimeout      Code = 14
	CodeStale        Code = 15
)

// One sentinel for each code, for errors.Is on either end of the wire.
var (
	ErrInternal     = &Error{CodeInternal, "internal error"}
	ErrBadRequest   = &Error{CodeBadRequest, "malformed request"}
	ErrUnsupported  = &Error{CodeUnsupported, "operation is not supported"}
	ErrBadSignature = &Error{CodeBadSignature, "signature does not verify"}
	ErrExpired      = &Error{CodeExpired, "the order's time has passed"}
	ErrFull         = &Error{CodeFull, "no space left"}
	ErrQuota        = &Error{CodeQuota, "quota of this peer is used up"}
	ErrTooBig       = &Error{CodeTooBig, "too big"}
	ErrBusy         = &Error{CodeBusy, "too many transfers at once"}
	ErrInProgress   = &Error{CodeInProgress, "the same transfer is under way"}
	ErrDeleted      = &Error{CodeDeleted, "the file was deleted by its owner"}
	ErrNotFound     = &Error{CodeNotFound, "not found"}
	ErrDamaged      = &Error{CodeDamaged, "bytes do not match their hash"}
	ErrTimeout      = &Error{CodeTimeout, "no answer in time"}
	ErrStale        = &Error{CodeStale, "a newer one is kept"}
)

// KindError is the kind of a frame that carries an [Error], in every protocol.
const KindError = 0

// MaxErrorSize bounds the payload of an error frame, in bytes.
const MaxErrorSize = 1 << 10

const maxErrorText = 512

// Error is an answer that says no. Two errors are the same for errors.Is when
// their codes are, whichever machine made them.
type Error struct {
	Code    Code   `cbor:"1,keyasint"`
	Message string `cbor:"2,keyasint"`
}

// Error returns the message, or names the code when there is none.
func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("error of code %d", e.Code)
	}
	return e.Message
}

// Is reports whether target is an *Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// With returns an error of the same code with a message of its own, which may
// reach a peer: it must hold nothing private.
func (e *Error) With(format string, args ...any) *Error {
	return &Error{Code: e.Code, Message: fmt.Sprintf(format, args...)}
}

// WriteError answers err as an error frame. An err that wraps no [*Error]
// becomes [ErrInternal], and its text stays here.
func WriteError(w io.Writer, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		e = ErrInternal
	}
	return WriteMessage(w, KindError, &Error{Code: e.Code, Message: errorText(e.Message)})
}

// ReadError decodes the payload of an error frame. What comes back is the
// peer's [*Error], or the reason why it is none. Its message is one line of
// printable text, so that no peer writes to a terminal or a log what it likes.
func ReadError(payload []byte) error {
	if len(payload) > MaxErrorSize {
		return fmt.Errorf("error frame: %w", ErrTooLarge)
	}
	var e Error
	if err := Unmarshal(payload, &e); err != nil {
		return fmt.Errorf("error frame: %w", err)
	}
	e.Message = errorText(e.Message)
	return &e
}

// errorText makes text fit for an error frame: valid UTF-8, nothing but what
// can be printed, at most maxErrorText bytes.
func errorText(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
	if len(text) <= maxErrorText {
		return text
	}
	end := maxErrorText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
