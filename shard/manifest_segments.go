package shard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// Segments reads the segments in order, with their placements. It stops at the
// first error, which it yields.
func (m *Manifest) Segments() iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		segments, placed := m.reader(m.segmentsAt), m.reader(m.placedAt)
		var ahead *Segment // the placements read last
		for number := uint32(0); int(number) < m.Count; number++ {
			s, err := m.segmentAt(segments, number)
			if err == nil && (ahead == nil || ahead.Number < number) {
				ahead, err = m.nextPlaced(placed, number)
			}
			if err != nil {
				yield(Segment{}, err)
				return
			}
			if ahead.Number == number {
				s.Placed = ahead.Placed
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

func (m *Manifest) reader(at int64) *frameReader {
	in := io.NewSectionReader(m.src, at, m.endAt-at)
	return &frameReader{in: bufio.NewReaderSize(in, 32<<10), at: at}
}

func (m *Manifest) segmentAt(r *frameReader, number uint32) (Segment, error) {
	var record segmentRecord
	if err := r.expect(kindSegment, &record); err != nil {
		return Segment{}, err
	}
	return record.segment(number, m.Scheme)
}

// nextPlaced returns the next segment that has placements; past the last one,
// a segment that is never reached.
func (m *Manifest) nextPlaced(r *frameReader, next uint32) (*Segment, error) {
	if r.at >= m.endAt {
		return &Segment{Number: MaxSegments}, nil
	}
	kind, payload, err := r.next()
	if err != nil {
		return nil, err
	}
	if kind != kindPlacement {
		return nil, fmt.Errorf("%w: record %d among the placements", ErrManifest, kind)
	}
	number, placed, err := m.parsePlacement(r, payload, next)
	return &Segment{Number: number, Placed: placed}, err
}

// frameReader reads a manifest's frames, and knows where it is.
type frameReader struct {
	in     *bufio.Reader
	at     int64          // offset in the manifest
	frames *blake3.Hasher // takes in every frame, unless nil
}

func (r *frameReader) next() (byte, []byte, error) {
	kind, payload, err := wire.ReadFrame(r.in, maxManifestFrame)
	if errors.Is(err, io.EOF) || errors.Is(err, wire.ErrShort) || errors.Is(err, wire.ErrTooLarge) || errors.Is(err, wire.ErrBadRequest) {
		return 0, nil, fmt.Errorf("%w: %w", ErrManifest, err)
	} else if err != nil {
		return 0, nil, err
	}
	r.at += int64(wire.FrameHeaderSize + len(payload))
	if r.frames != nil {
		r.frames.Write(wire.AppendFrame(nil, kind, payload))
	}
	return kind, payload, nil
}

func (r *frameReader) expect(kind byte, into any) error {
	got, payload, err := r.next()
	if err != nil {
		return err
	}
	if got != kind {
		return fmt.Errorf("%w: record %d where %d belongs", ErrManifest, got, kind)
	}
	return r.decode(payload, into)
}

func (r *frameReader) decode(payload []byte, into any) error {
	if err := wire.Unmarshal(payload, into); err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return nil
}
