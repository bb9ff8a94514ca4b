package exectest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	osexec "os/exec"
	"testing"
	"time"
	"unicode/utf8"
)

// patience is how long a test waits for one line, or for the end.
const patience = 60 * time.Second

// maxLine is the most bytes of a line, maxCheckpoint those of a checkpoint.
const (
	maxLine       = 1 << 20
	maxCheckpoint = 256 << 10
)

// line is one line of the worker.
type line struct {
	Type  string
	Proto int
	ID    int
	Valid bool
	Input json.RawMessage
	Data  json.RawMessage
	text  string
}

// session is a worker while it is tested.
type session struct {
	t     *testing.T
	cmd   *osexec.Cmd
	in    io.WriteCloser
	lines chan string   // closed when it writes no more
	ended chan struct{} // closed when it was waited for
	err   error         // how it ended, once it has
	saved []string      // checkpoints that it wrote
}

// open starts a program; it is gone when the test is over.
func open(t *testing.T, argv []string) *session {
	t.Helper()
	cmd := osexec.Command(argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, cmd: cmd, in: in, lines: make(chan string, 1024), ended: make(chan struct{})}
	go s.read(out)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = out.Close()
		<-s.ended
		if t.Failed() {
			t.Logf("its standard error: %s", stderr.Bytes())
		}
	})
	return s
}

// read passes lines on, as many as fit: a test that fails reads no more.
func (s *session) read(out io.Reader) {
	defer close(s.ended)
	defer close(s.lines)
	lines := bufio.NewReader(out)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		select {
		case s.lines <- text:
		default:
		}
	}
	s.err = s.cmd.Wait()
}

// send writes one line to it.
func (s *session) send(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, text+"\n"); err != nil {
		s.t.Fatalf("it reads no more: %v", err)
	}
}

// next returns its next line but for those that it may write at any time.
func (s *session) next() line {
	s.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case text, ok := <-s.lines:
			if !ok {
				s.t.Fatal("it ended before it answered")
			}
			switch l := s.parse(text); {
			case l.Type == "checkpoint" && (l.Data == nil || len(l.Data) > maxCheckpoint):
				s.t.Fatalf("a checkpoint has data of at most %d bytes: %.200q", maxCheckpoint, text)
			case l.Type == "checkpoint":
				s.saved = append(s.saved, string(l.Data))
			case l.Type != "log" && l.Type != "progress":
				return l
			}
		case <-timer.C:
			s.t.Fatalf("no line in %v: does it flush its output?", patience)
		}
	}
}

// parse checks what holds for every line.
func (s *session) parse(text string) line {
	s.t.Helper()
	l := line{text: text}
	switch err := json.Unmarshal([]byte(text), &l); {
	case len(text) > maxLine:
		s.t.Fatalf("a line of %d bytes, at most %d are allowed", len(text), maxLine)
	case err != nil || !utf8.ValidString(text):
		s.t.Fatalf("standard output is for the protocol, and each line a JSON object: %.200q", text)
	case l.Type == "":
		s.t.Fatalf("a line without type: %.200q", text)
	}
	return l
}

// answer returns the line that answers unit id.
func (s *session) answer(id int) line {
	s.t.Helper()
	l := s.next()
	if (l.Type != "result" && l.Type != "error") || l.ID != id {
		s.t.Fatalf("want a result or an error with id %d, got %.200q", id, l.text)
	}
	return l
}

// result returns the data of the result of unit id, without blanks.
func (s *session) result(id int) string {
	s.t.Helper()
	l := s.answer(id)
	var data bytes.Buffer
	if l.Type != "result" || l.Data == nil || json.Compact(&data, l.Data) != nil {
		s.t.Fatalf("want a result with data, got %.200q", l.text)
	}
	return data.String()
}

// end waits until it has ended, and well.
func (s *session) end() {
	s.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.ended:
		if s.err != nil {
			s.t.Fatalf("it ended badly: %v", s.err)
		}
	case <-timer.C:
		s.t.Fatalf("it has not ended after %v", patience)
	}
	for text := range s.lines {
		if l := s.parse(text); l.Type != "bye" && l.Type != "log" {
			s.t.Fatalf("nobody waits for its last line: %.200q", text)
		}
	}
}
