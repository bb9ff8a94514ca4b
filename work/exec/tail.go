package exec

import (
	"bytes"
	"sync"
)

// tailSize is how much of what a worker wrote to standard error is kept.
const tailSize = 4 << 10

// tail takes a worker's standard error: it passes lines on, cleaned, and keeps
// the last of them raw.
type tail struct {
	mu   sync.Mutex
	log  func(string)
	kept []byte
	line []byte // the last one, as far as it is written
}

// tell has lines passed to log, which may be nil.
func (t *tail) tell(log func(string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = log
}

// say passes a text on as if it had come over standard error.
func (t *tail) say(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text = clean(text); t.log != nil && text != "" {
		t.log(text)
	}
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.kept = append(t.kept, p[max(0, len(p)-tailSize):]...)
	t.kept = t.kept[max(0, len(t.kept)-tailSize):]
	t.mu.Unlock()
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		t.line = append(t.line, part[:min(len(part), MaxText)]...)
		t.line = t.line[:min(len(t.line), 2*MaxText)]
		if whole {
			t.say(string(t.line))
			t.line = t.line[:0]
		}
		rest = after
	}
	return len(p), nil
}

// outOfMemory reports whether the Go runtime of a child, the linker or an
// interpreter said last that it could have no more memory.
func (t *tail) outOfMemory() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, words := range []string{"out of memory", "cannot allocate memory", "Cannot allocate memory", "MemoryError", "bad_alloc"} {
		if bytes.Contains(t.kept, []byte(words)) {
			return true
		}
	}
	return false
}
