package exec

import (
	"bytes"
	"encoding/json"
	"os"
)

// guestID is the number of every unit as the module sees it: it sees only one.
const guestID = 1

// guestUnit is a unit while a module does it.
type guestUnit struct {
	guest  *guest
	id     uint64
	limits Limits
	room   int64 // what it may still write
	line   []byte
	result json.RawMessage
	used   uint64   // fuel
	cut    *Failure // why it was cut off
	out    guestOut
	log    guestLog
}

// guestOut takes what the module writes to its standard output.
type guestOut struct{ u *guestUnit }

// Write never returns when the module is to be cut off: a panic in a function
// of the host is the one way to end a module in the middle.
func (o *guestOut) Write(p []byte) (int, error) {
	u := o.u
	if u.room -= int64(len(p)); u.room < 0 {
		u.stop(fail(CodeOutput, "more than %d bytes", u.limits.Output))
	}
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		if len(u.line)+len(part) >= MaxLine {
			u.stop(fail(CodeProtocol, "%v", errLong))
		}
		u.line = append(u.line, part...)
		if whole {
			u.heard(u.line)
			u.line = u.line[:0]
		}
		rest = after
	}
	return len(p), nil
}

func (u *guestUnit) stop(f *Failure) {
	u.cut = f
	panic(f)
}

// heard is one line of the module. It gets no second try: on other machines it
// would write the same.
func (u *guestUnit) heard(line []byte) {
	m, err := parseMessage(line)
	switch {
	case err != nil:
		u.stop(fail(CodeProtocol, "%v", err))
	case m.Type == typeResult && u.result != nil:
		u.stop(fail(CodeProtocol, "a second result"))
	case m.Type == typeResult:
		u.result = m.Data
	case m.Type == typeError:
		f := fail(CodeWorker, "%s", m.Message)
		f.Reason, f.Retryable = clean(m.Code), m.Retry
		u.stop(f)
	case m.Type == typeProgress, m.Type == typeLog:
		m.ID, m.Data, m.Input = u.id, nil, nil
		if err := put(os.Stdout, m); err != nil {
			os.Exit(1) // whoever started us is gone
		}
	}
}
