package folder

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/batchain/batchain/wire"
)

// frame is the index's frame that begins with entry number from.
func (p *Plan) frame(from int) ([]byte, error) {
	some := p.entries[from:min(from+perFrame, len(p.entries))]
	records := make([]entryRecord, len(some))
	for i, e := range some {
		records[i] = e.record()
	}
	payload, err := wire.Marshal(records)
	if err != nil {
		return nil, fmt.Errorf("index of %s: %w", p.Root, err)
	}
	return wire.AppendFrame(nil, frameKind, payload), nil
}

func (p *Plan) indexLength() (length int64, err error) {
	for from := 0; from < len(p.entries); from += perFrame {
		frame, err := p.frame(from)
		if err != nil {
			return 0, err
		}
		length += int64(len(frame))
	}
	return length, nil
}

// trailer closes the stream.
func (p *Plan) trailer() []byte {
	start := p.end + 2*blockSize
	out := []byte(magic)
	for _, n := range []int64{start, p.Size - trailerSize - start, int64(len(p.entries))} {
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	return out
}

// tail reads what follows the last entry: tar's end, index and trailer. It
// makes one frame at a time.
type tail struct {
	plan    *Plan
	buf     []byte
	next    int // first entry of the next frame
	trailed bool
}

func (p *Plan) newTail() *tail { return &tail{plan: p, buf: make([]byte, 2*blockSize)} }

func (t *tail) Read(b []byte) (int, error) {
	for len(t.buf) == 0 {
		switch {
		case t.next < len(t.plan.entries):
			frame, err := t.plan.frame(t.next)
			if err != nil {
				return 0, err
			}
			t.buf = frame
			t.next += perFrame
		case !t.trailed:
			t.buf, t.trailed = t.plan.trailer(), true
		default:
			return 0, io.EOF
		}
	}
	n := copy(b, t.buf)
	t.buf = t.buf[n:]
	return n, nil
}
