// Package exectest holds a worker to the line protocol of package exec: a
// program in any language, a source of the hive's, or a module. Whoever wrote
// one runs it from here:
//
//	BATCHAIN_WORKER='python3 worker.py' BATCHAIN_INPUT='{"from":0,"count":9}' go test ./work/exec/exectest -run TestStranger -v
//	BATCHAIN_SOURCE='python3 source.py' BATCHAIN_CONTEXT='{"units":3,"count":9}' go test ./work/exec/exectest -run TestStrangeSource -v
package exectest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Worker is a worker to be tested.
type Worker struct {
	Argv    []string          // the program and its arguments
	Context json.RawMessage   // told in hello; nil: none
	Inputs  []json.RawMessage // that it can do, at least one
	Bad     json.RawMessage   // that it cannot; nil: there is none such
}

// CheckWorker runs all tests of a worker.
func CheckWorker(t *testing.T, w Worker) {
	t.Run("ready", w.ready)
	t.Run("units", w.units)
	t.Run("long line", w.longLine)
	t.Run("unknown lines and fields", w.unknown)
	t.Run("ping", w.ping)
	t.Run("same input, same result", w.repeats)
	t.Run("checkpoints", w.checkpoints)
	t.Run("bad input", w.badInput)
	t.Run("stop", w.stop)
	t.Run("end of input", w.endOfInput)
}

// begin starts it and greets it.
func (w Worker) begin(t *testing.T) *session {
	t.Helper()
	s := open(t, w.Argv)
	s.send(hello(w.Context))
	if l := s.next(); l.Type != "ready" {
		t.Fatalf("its first line is %q, not ready", l.text)
	}
	return s
}

// hello is the first line to any worker.
func hello(context json.RawMessage) string {
	if context == nil {
		return `{"type":"hello","proto":1}`
	}
	return fmt.Sprintf(`{"type":"hello","proto":1,"context":%s}`, context)
}

func work(id int, input json.RawMessage) string {
	return fmt.Sprintf(`{"type":"work","id":%d,"seq":%d,"input":%s}`, id, id, input)
}

// ready: its first line says that it is ready, and by which version.
func (w Worker) ready(t *testing.T) {
	s := open(t, w.Argv)
	s.send(hello(w.Context))
	if l := s.next(); l.Type != "ready" || l.Proto != 1 {
		t.Fatalf(`want {"type":"ready","proto":1}, got %s`, l.text)
	}
}

// units: one after the other is answered, by its id.
func (w Worker) units(t *testing.T) {
	s := w.begin(t)
	for n, input := range w.Inputs {
		s.send(work(n+1, input))
		s.result(n + 1)
	}
}

// longLine: a line of nearly 1 MiB is read, as one.
func (w Worker) longLine(t *testing.T) {
	s := w.begin(t)
	s.send(work(1, append([]byte(strings.Repeat(" ", 1<<20-64<<10)), w.Inputs[0]...)))
	s.result(1)
}

// unknown: what a later version may add is passed over.
func (w Worker) unknown(t *testing.T) {
	s := w.begin(t)
	s.send(`{"type":"weather","sky":"clear"}`)
	s.send(strings.Replace(work(1, w.Inputs[0]), "{", `{"later":{"than":["now"]},`, 1))
	s.result(1)
}

// ping: between units it answers at once, with the same id.
func (w Worker) ping(t *testing.T) {
	s := w.begin(t)
	s.send(`{"type":"ping","id":7}`)
	if l := s.next(); l.Type != "pong" || l.ID != 7 {
		t.Fatalf(`want {"type":"pong","id":7}, got %s`, l.text)
	}
}

// repeats: bees are believed when they agree, so what a worker answers follows
// from the unit alone, not from those before it.
func (w Worker) repeats(t *testing.T) {
	s := w.begin(t)
	var first []string
	for n, input := range append(w.Inputs, w.Inputs...) {
		s.send(work(n+1, input))
		data := s.result(n + 1)
		if n < len(w.Inputs) {
			first = append(first, data)
		} else if want := first[n-len(w.Inputs)]; data != want {
			t.Errorf("unit %s: first %s, then %s", input, want, data)
		}
	}
}

// checkpoints: a unit that is interrupted comes, after the last checkpoint that was heard, to
// the result that it has come to without.
func (w Worker) checkpoints(t *testing.T) {
	wrote := false
	for _, input := range w.Inputs {
		s := w.begin(t)
		s.send(work(1, input))
		want := s.result(1)
		for _, saved := range s.saved {
			wrote = true
			again := w.begin(t)
			again.send(strings.Replace(work(1, input), "{", `{"checkpoint":`+saved+`,`, 1))
			if data := again.result(1); data != want {
				t.Errorf("unit %s: from its beginning %s, from checkpoint %s on %s", input, want, saved, data)
			}
		}
	}
	if !wrote {
		t.Skip("skipped: it writes none for these inputs")
	}
}

// badInput: it says so, and goes on with the next unit.
func (w Worker) badInput(t *testing.T) {
	if w.Bad == nil {
		t.Skip("skipped: there is no input that it cannot do")
	}
	s := w.begin(t)
	s.send(work(1, w.Bad))
	if l := s.answer(1); l.Type != "error" {
		t.Fatalf("want an error with id 1, got %s", l.text)
	}
	s.send(work(2, w.Inputs[0]))
	s.result(2)
}

// stop: it ends well, and soon.
func (w Worker) stop(t *testing.T) {
	s := w.begin(t)
	s.send(work(1, w.Inputs[0]))
	s.result(1)
	s.send(`{"type":"stop"}`)
	s.end()
}

// endOfInput: so it does when nobody is there any more.
func (w Worker) endOfInput(t *testing.T) {
	s := w.begin(t)
	s.in.Close()
	s.end()
}
