package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The bounds of what is read from the other side.
const (
	maxRequest = 64 << 10 // bytes of a request line
	maxLine    = 4 << 20  // bytes of a line of a stream
	maxAnswer  = 16 << 20 // bytes of an answer that is no stream
	maxNote    = 1 << 10  // bytes of a note
)

var errLineTooLong = errors.New("line too long")

// Line returns v, which must encode to a JSON object, as one line of NDJSON
// with its newline; its first field is the type.
func Line(kind string, v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("%s line: %w", kind, err)
	}
	body := buf.Bytes()
	if len(body) < 3 || body[0] != '{' {
		return nil, fmt.Errorf("%s line: %T is no JSON object", kind, v)
	}
	line := append([]byte(`{"type":`), fmt.Sprintf("%q", kind)...)
	if body[1] != '}' {
		line = append(line, ',')
	}
	return append(line, body[1:]...), nil
}

// readLine reads up to a newline or the end, without it. It takes no more than
// limit bytes and returns io.EOF only when there is nothing at all.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, fmt.Errorf("%w: over %d bytes", errLineTooLong, limit)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return nil, err
		}
	}
}
