package exec

import (
	"bytes"
	"os"
)

// guestLogSize is how much of what a module writes to standard error is passed
// on of each unit.
const guestLogSize = 64 << 10

// guestLog takes the standard error of a module. Its lines go the way that the
// result goes, so that they are there before it.
type guestLog struct {
	line []byte
	room int
}

// Write implements [io.Writer].
func (l *guestLog) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && l.room > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		l.room -= len(rest) - len(after)
		l.line = append(l.line, part[:min(len(part), MaxText-len(l.line))]...)
		if whole {
			if err := put(os.Stdout, message{Type: typeLog, Message: clean(string(l.line))}); err != nil {
				os.Exit(1) // whoever started us is gone
			}
			l.line = l.line[:0]
		}
		rest = after
	}
	return len(p), nil
}
