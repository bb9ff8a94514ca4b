package exec

import (
	"bytes"
	"strings"
	"sync"
)

// tail takes a worker's standard error. It passes lines on, cleaned, and
// notices what they say of how the worker ends.
type tail struct {
	mu     sync.Mutex
	log    func(string)
	line   []byte // the last one, as far as it is written and is kept
	memory bool   // whether it had no more memory
	lacked string // which layer of the sandbox it could not do without
}

// sandboxText is what a child says before it refuses to run without a layer.
const sandboxText = "batchain: sandbox: "

// memoryTexts is what the Go runtime, the C library and interpreters say when
// they can have no more memory.
var memoryTexts = []string{"out of memory", "annot allocate memory", "MemoryError", "bad_alloc"}

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

// Write implements [io.Writer]. It is called by one goroutine.
func (t *tail) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		t.line = append(t.line, part[:min(len(part), 2*MaxText-len(t.line))]...)
		if whole {
			t.notice(string(t.line))
			t.say(string(t.line))
			t.line = t.line[:0]
		}
		rest = after
	}
	return len(p), nil
}

func (t *tail) notice(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, text := range memoryTexts {
		t.memory = t.memory || strings.Contains(line, text)
	}
	if text, ok := strings.CutPrefix(line, sandboxText); ok {
		t.lacked = text
	}
}

// death says why the process that wrote it ended, as far as it did say so.
func (t *tail) death() *Failure {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.lacked != "":
		return fail(CodeSandbox, "%s", t.lacked)
	case t.memory:
		return fail(CodeMemory, "its process has no more memory")
	}
	return nil
}
