package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// FrameHeaderSize is the bytes a frame adds to its payload: length and kind.
const FrameHeaderSize = 5

// ErrShort means that the bytes end before the frame does.
var ErrShort = errors.New("frame is cut short")

// ErrTooLarge means that a frame declares more payload than its reader takes.
var ErrTooLarge = errors.New("frame is too large")

// AppendFrame appends the frame of kind and payload to buf.
func AppendFrame(buf []byte, kind byte, payload []byte) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(1+len(payload)))
	buf = append(buf, kind)
	return append(buf, payload...)
}

// ParseFrame splits the first frame off buf. The payload aliases buf. It
// returns [ErrShort] when buf ends too early and [ErrTooLarge] when the payload
// would exceed limit bytes.
func ParseFrame(buf []byte, limit int) (kind byte, payload, rest []byte, err error) {
	if len(buf) < FrameHeaderSize {
		return 0, nil, nil, ErrShort
	}
	size, err := payloadSize(buf[:4], limit)
	if err != nil {
		return 0, nil, nil, err
	}
	body := buf[FrameHeaderSize:]
	if len(body) < size {
		return 0, nil, nil, ErrShort
	}
	return buf[4], body[:size:size], body[size:], nil
}

// ReadFrame reads one frame whose payload is at most limit bytes; nothing
// larger is allocated. It reads no byte beyond the frame. The error is io.EOF
// only when r ends between two frames, and [ErrShort] when it ends inside one.
func ReadFrame(r io.Reader, limit int) (kind byte, payload []byte, err error) {
	kind, payload, err = readFrame(r, func(byte) (int, error) { return limit, nil })
	if err != nil {
		return 0, nil, err
	}
	return kind, payload, nil
}

// ReadFrameOf is [ReadFrame] of a frame that must be there and whose limit depends
// on its kind: a stream that ends before it is [ErrShort] too. Nothing is read or
// allocated of the payload of a kind that limit refuses; its error is returned as
// it is, with the kind. Where the error comes before the kind, that is 0.
func ReadFrameOf(r io.Reader, limit func(kind byte) (int, error)) (kind byte, payload []byte, err error) {
	kind, payload, err = readFrame(r, limit)
	if errors.Is(err, io.EOF) {
		err = cutShort(io.ErrUnexpectedEOF)
	}
	return kind, payload, err
}

// readFrame returns the kind with the errors of the payload.
func readFrame(r io.Reader, limit func(kind byte) (int, error)) (byte, []byte, error) {
	var head [FrameHeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, cutShort(err)
	}
	kind := head[4]
	most, err := limit(kind)
	if err != nil {
		return kind, nil, err
	}
	size, err := payloadSize(head[:4], most)
	if err != nil {
		return kind, nil, err
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return kind, nil, cutShort(err)
	}
	return kind, payload, nil
}

// WriteFrame writes one frame with a single call of Write.
func WriteFrame(w io.Writer, kind byte, payload []byte) error {
	buf := AppendFrame(make([]byte, 0, FrameHeaderSize+len(payload)), kind, payload)
	_, err := w.Write(buf)
	return err
}

// WriteMessage writes v as the CBOR payload of one frame.
func WriteMessage(w io.Writer, kind byte, v any) error {
	payload, err := Marshal(v)
	if err != nil {
		return fmt.Errorf("message of kind %d: %w", kind, err)
	}
	return WriteFrame(w, kind, payload)
}

func payloadSize(head []byte, limit int) (int, error) {
	length := binary.BigEndian.Uint32(head)
	if length == 0 {
		return 0, fmt.Errorf("%w: frame without a kind", ErrBadRequest)
	}
	if int64(length)-1 > int64(limit) {
		return 0, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, length-1, limit)
	}
	return int(length) - 1, nil
}

func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrShort, err)
	}
	return err
}
