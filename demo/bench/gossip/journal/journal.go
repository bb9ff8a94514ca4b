package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Event is one line; which fields count depends on Kind.
type Event struct {
	At   float64 `json:"t"`
	Kind Kind    `json:"e"`
	Node int     `json:"n"`

	Peer  int    `json:"s,omitempty"`
	Step  int    `json:"i,omitempty"`
	Key   string `json:"k,omitempty"`
	Value string `json:"v,omitempty"`

	Bytes    int64 `json:"bytes,omitempty"`
	Messages int64 `json:"messages,omitempty"`
	Dials    int64 `json:"dials,omitempty"`
	Known    int   `json:"known,omitempty"`

	CPU float64 `json:"cpu,omitempty"`
	RSS int64   `json:"rss,omitempty"`
}

// Kind is what an event is of.
type Kind string

// The kinds of events.
const (
	Step  Kind = "step"
	Live  Kind = "live"
	Dead  Kind = "dead"
	Value Kind = "value"
	Count Kind = "count"
	Cost  Kind = "cost"
	Skip  Kind = "skip"
	End   Kind = "end"
)

// Writer writes a journal. It may be used from any goroutine.
type Writer struct {
	began   time.Time
	through bool // every line at once

	mu    sync.Mutex
	out   *bufio.Writer
	lines *json.Encoder
	err   error
}

// NewWriter returns a journal whose time begins now.
func NewWriter(w io.Writer) *Writer {
	out := bufio.NewWriterSize(w, 1<<16)
	return &Writer{began: time.Now(), out: out, lines: json.NewEncoder(out)}
}

// NewUnbufferedWriter returns a journal of which every line is written at once.
func NewUnbufferedWriter(w io.Writer) *Writer {
	j := NewWriter(w)
	j.through = true
	return j
}

// Write adds a line, with the time of now. What fails is told by Flush. A step
// is written through at once, so that little is lost with a world that dies.
func (w *Writer) Write(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e.At = float64(time.Since(w.began).Microseconds()) / 1000
	e.Value = strings.TrimRight(e.Value, "x")
	w.err = errors.Join(w.err, w.lines.Encode(e))
	if e.Kind == Step || w.through {
		w.err = errors.Join(w.err, w.out.Flush())
	}
}

// WriteCost adds a line on what the process has cost so far.
func (w *Writer) WriteCost() {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return
	}
	cpu := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	w.Write(Event{Kind: Cost, CPU: cpu.Seconds(), RSS: u.Maxrss * 1024})
}

// Close writes the last line, and returns the first error of all writes.
func (w *Writer) Close() error {
	w.Write(Event{Kind: End})
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.err, w.out.Flush())
}

// ErrCutShort says that a journal has no last line: its world died.
var ErrCutShort = errors.New("journal cut short: the world died")

// Read reads a journal to its last line. With ErrCutShort it returns what there
// is.
func Read(r io.Reader) ([]Event, error) {
	var events []Event
	in := json.NewDecoder(bufio.NewReaderSize(r, 1<<16))
	for {
		var e Event
		if err := in.Decode(&e); err != nil {
			return events, errors.Join(ErrCutShort, err)
		}
		events = append(events, e)
		if e.Kind == End {
			return events, nil
		}
	}
}
