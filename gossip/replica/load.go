package replica

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/batchain/batchain/wire"
)

// Load takes in what [Replica.Save] wrote, or a file of [Open]. Every signature is
// verified. The error is [ErrDocument], [ErrVersion], [ErrTorn], wire.ErrDamaged or
// one of the reader, wrapped; what was whole before that was taken in.
//
// An empty replica of the peer that saved goes on under the saved epoch: so at most
// one may ever load such a state and write.
func (r *Replica) Load(ctx context.Context, from io.Reader) error {
	l := newLoader(r, from)
	if err := l.run(ctx); err != nil {
		return fmt.Errorf("load %s: %w", r.cfg.Doc, err)
	}
	return nil
}

// loader replays the records of a file.
type loader struct {
	r      *Replica
	source *bufio.Reader
	raw    bytes.Buffer // of the record that is being read
	in     io.Reader    // source, by way of raw
	batch  *batch
	bad    map[Source]bool // one of its updates cannot be admitted
	resume bool            // the epoch goes on
	at     int64           // bytes read
	whole  int64           // … up to the last commit
}

func newLoader(r *Replica, from io.Reader) *loader {
	l := &loader{r: r, source: bufio.NewReaderSize(from, 64<<10), batch: newBatch(), bad: map[Source]bool{}}
	l.in = io.TeeReader(l.source, &l.raw)
	r.mu.Lock()
	defer r.mu.Unlock()
	l.resume = !r.wrote && len(r.sources) == 0
	return l
}

func (l *loader) run(ctx context.Context) error {
	for {
		kind, body, err := l.read()
		switch {
		case err == io.EOF && l.at == l.whole:
			return nil
		case err == io.EOF:
			return ErrTorn
		case err != nil:
			return err
		}
		if err := l.replay(ctx, kind, body); err != nil {
			return err
		}
	}
}

// read returns the next record, and io.EOF itself after the last.
func (l *loader) read() (byte, []byte, error) {
	l.raw.Reset()
	kind, payload, err := wire.ReadFrame(l.in, max(l.r.cfg.Limits.maxRecord(), maxList)+crcSize)
	var body []byte
	if err == nil {
		body, err = parseRecord(kind, payload)
	}
	var disk *fs.PathError
	switch {
	case err == nil:
		l.at += int64(l.raw.Len())
		return kind, body, nil
	case err == io.EOF, errors.As(err, &disk):
		return 0, nil, err
	}
	rest, readErr := io.ReadAll(l.source)
	if readErr != nil {
		return 0, nil, readErr
	}
	if holdsRecord(append(l.raw.Bytes(), rest...)[1:]) {
		return 0, nil, fmt.Errorf("%w: byte %d, and more follows", wire.ErrDamaged, l.at)
	}
	return 0, nil, ErrTorn
}

// holdsRecord reports whether a whole record lies anywhere in data: what lies before
// it was not torn off by a crash.
func holdsRecord(data []byte) bool {
	for len(data) > wire.FrameHeaderSize+crcSize {
		size := int64(binary.BigEndian.Uint32(data)) + wire.FrameHeaderSize - 1
		kind := data[wire.FrameHeaderSize-1]
		if kind >= kindUpdate && kind <= kindStart && size <= int64(len(data)) && size > wire.FrameHeaderSize+crcSize {
			if _, err := parseRecord(kind, data[wire.FrameHeaderSize:size]); err == nil {
				return true
			}
		}
		data = data[1:]
	}
	return false
}

func (l *loader) replay(ctx context.Context, kind byte, body []byte) error {
	if kind != kindStart && l.at == int64(l.raw.Len()) {
		return fmt.Errorf("%w: it does not begin with what it is of", wire.ErrDamaged)
	}
	switch kind {
	case kindStart:
		return l.begin(body)
	case kindUpdate:
		u, err := parseUpdate(body)
		if err != nil {
			return fmt.Errorf("%w: %w", wire.ErrDamaged, err)
		}
		return l.stage(ctx, u)
	case kindCommit:
		full, err := parseSources(body)
		if err != nil {
			return fmt.Errorf("%w: %w", wire.ErrDamaged, err)
		}
		return l.commit(full)
	}
	return nil // of a later minor version
}

func (l *loader) begin(body []byte) error {
	var s start
	if err := wire.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrDamaged, err)
	}
	r := l.r
	switch {
	case s.Version > version:
		return ErrVersion
	case s.Doc != r.cfg.Doc || s.Mesh != r.cfg.Mesh:
		return fmt.Errorf("%w: %q of mesh %q", ErrDocument, s.Doc, s.Mesh)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.resume && s.Peer == r.self.Peer && s.Epoch != 0 {
		r.self.Epoch, r.loaded = s.Epoch, 0
	}
	l.whole = l.at
	return nil
}

func (l *loader) stage(ctx context.Context, u Update) error {
	if l.bad[u.Source] || u.Seq <= l.batch.last(u.Source) {
		return nil
	}
	err := l.r.admit(ctx, u, false)
	switch {
	case errors.Is(err, errUntold):
		return err
	case err != nil:
		l.bad[u.Source] = true
		l.r.mu.Lock()
		defer l.r.mu.Unlock()
		l.r.refused(u, err)
		return nil
	}
	l.batch.add(u)
	return nil
}

func (l *loader) commit(full []Source) error {
	r := l.r
	r.mu.Lock()
	defer r.mu.Unlock()
	for source := range l.bad {
		l.batch.drop(source)
	}
	out, err := r.takeIn(l.batch, full)
	if err != nil {
		return err
	}
	if len(out.holes) > 0 {
		return fmt.Errorf("%w: updates of %v are missing", wire.ErrDamaged, out.holes[0])
	}
	l.batch, l.whole = newBatch(), l.at
	if s := r.sources[r.self]; s != nil && !r.wrote {
		r.loaded = s.seq
	}
	return nil
}
