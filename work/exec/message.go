package exec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

const (
	// Version is the version of the line protocol, told in hello and ready.
	Version = 1
	// MaxLine is the most bytes of a line, its newline included: 1 MiB.
	MaxLine = 1 << 20
	// MaxInput is the most bytes of a unit's input, which leaves room in its line.
	MaxInput = MaxLine - 64<<10
	// MaxCheckpoint is the most bytes of a checkpoint: 256 KiB.
	MaxCheckpoint = 256 << 10
)

// The types of lines. Each is named by its "type"; see the package comment.
const (
	typeHello    = "hello"
	typeReady    = "ready"
	typeWork     = "work"
	typeResult   = "result"
	typeError    = "error"
	typeProgress = "progress"
	typeSave     = "checkpoint"
	typeLog      = "log"
	typePing     = "ping"
	typePong     = "pong"
	typeStop     = "stop"
	typeNext     = "next"
	typeUnit     = "unit"
	typeNone     = "none"
	typeValidate = "validate"
	typeVerdict  = "verdict"
	typeChunk    = "chunk"
	typeOK       = "ok"
)

// message is one line. Which fields a type has, and what they mean, the package
// comment says; a reader ignores those that it does not know.
type message struct {
	Type    string            `json:"type"`
	Proto   int               `json:"proto,omitempty"`
	ID      uint64            `json:"id,omitempty"`
	Seq     *uint64           `json:"seq,omitempty"`
	Context json.RawMessage   `json:"context,omitempty"`
	Input   json.RawMessage   `json:"input,omitempty"`
	Files   map[string]string `json:"files,omitempty"`
	Saved   json.RawMessage   `json:"checkpoint,omitempty"`
	Limits  *Limits           `json:"limits,omitempty"`
	Data    json.RawMessage   `json:"data,omitempty"`
	Results []json.RawMessage `json:"results,omitempty"`
	Fuel    uint64            `json:"fuel,omitempty"`
	Percent float64           `json:"p,omitempty"`
	Short   string            `json:"s,omitempty"`
	Code    string            `json:"code,omitempty"`
	Reason  string            `json:"reason,omitempty"`
	Message string            `json:"message,omitempty"`
	Retry   bool              `json:"retryable,omitempty"`
	Valid   bool              `json:"valid,omitempty"`
	Again   float64           `json:"again,omitempty"`
}

// errLine says what is wrong with a line.
var errLine = errors.New("no line of the protocol")

// parseMessage reads one line, without its newline.
func parseMessage(line []byte) (message, error) {
	var m message
	if !utf8.Valid(line) {
		return m, fmt.Errorf("%w: not UTF-8", errLine)
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Errorf("%w: %s", errLine, clean(err.Error()))
	}
	if m.Type == "" {
		return m, fmt.Errorf("%w: it has no type", errLine)
	}
	for _, value := range []*json.RawMessage{&m.Context, &m.Input, &m.Saved, &m.Data} {
		*value = compact(*value)
	}
	for i := range m.Results {
		m.Results[i] = compact(m.Results[i])
	}
	return m, m.check()
}

// check looks at what each type cannot do without.
func (m *message) check() error {
	switch {
	case m.Type == typeResult && m.Data == nil:
		return fmt.Errorf("%w: a result without data", errLine)
	case m.Type == typeSave && (m.Data == nil || len(m.Data) > MaxCheckpoint):
		return fmt.Errorf("%w: a checkpoint of %d bytes, 1 to %d are taken", errLine, len(m.Data), MaxCheckpoint)
	case m.Type == typeUnit && m.Input == nil:
		return fmt.Errorf("%w: a unit without input", errLine)
	case m.Type == typeVerdict && m.Valid && m.Data == nil:
		return fmt.Errorf("%w: a valid verdict without data", errLine)
	case m.Type == typeProgress && !(m.Percent >= 0 && m.Percent <= 100):
		return fmt.Errorf("%w: progress is in percent", errLine)
	case m.Type == typeNone && !(m.Again >= 0 && m.Again <= math.MaxInt32):
		return fmt.Errorf("%w: again is in seconds", errLine)
	}
	return nil
}

// compact returns a valid JSON value without blanks; nil stays nil.
func compact(value json.RawMessage) json.RawMessage {
	if value == nil {
		return nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return value // it came out of a valid line: this cannot be
	}
	return b.Bytes()
}

// appendMessage appends the line of m, its newline included.
func appendMessage(buf []byte, m message) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // data of others travels as it is
	if err := encoder.Encode(m); err != nil {
		return buf, fmt.Errorf("%s: %w", m.Type, err)
	}
	limit := MaxLine
	if m.Type == typeValidate {
		limit = MaxValidate
	}
	if line.Len() > limit {
		return buf, fmt.Errorf("%s: its line has %d bytes, at most %d fit", m.Type, line.Len(), limit)
	}
	return append(buf, line.Bytes()...), nil
}
