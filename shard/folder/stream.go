package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrChanged means that a file was changed, or went, between [NewPlan] and its
// being read.
var ErrChanged = errors.New("changed while read")

// Stream reads the folder of a plan. It is an [io.ReadCloser] of Plan.Size bytes,
// for one goroutine.
type Stream struct {
	plan *Plan
	root *os.Root
	next int       // entry
	part io.Reader // what is read now; nil between entries
	file *os.File  // that part is of
	tail bool      // the part is the last
}

// Open begins the stream. The caller closes it.
func (p *Plan) Open() (*Stream, error) {
	root, err := os.OpenRoot(p.Root)
	if err != nil {
		return nil, err
	}
	return &Stream{plan: p, root: root}, nil
}

// Read reads on. A file that is not as it was found gives [ErrChanged].
func (s *Stream) Read(b []byte) (int, error) {
	for {
		if s.part == nil {
			if err := s.advance(); err != nil {
				return 0, err
			}
		}
		n, err := s.part.Read(b)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if s.tail {
			return n, io.EOF
		}
		if s.part = nil; n > 0 {
			return n, nil
		}
	}
}

// advance goes on to the next entry, or to what follows the last.
func (s *Stream) advance() error {
	if err := s.finish(); err != nil {
		return err
	}
	if s.next == len(s.plan.entries) {
		s.tail, s.part = true, s.plan.newTail()
		return nil
	}
	e := s.plan.entries[s.next]
	s.next++
	header, err := e.header()
	if err != nil {
		return err
	}
	s.part = bytes.NewReader(header)
	if e.Kind != File {
		return nil
	}
	if s.file, err = s.root.OpenFile(fromSlash(e.Path), os.O_RDONLY|noFollow, 0); err != nil {
		return fmt.Errorf("%s: %w", e.Path, errors.Join(ErrChanged, err))
	}
	if err := s.same(e); err != nil {
		return err
	}
	body := &whole{in: io.LimitReader(s.file, e.Size), left: e.Size, path: e.Path}
	s.part = io.MultiReader(s.part, body, bytes.NewReader(make([]byte, padding(e.Size))))
	return nil
}

// finish makes sure that the file just read is still what it was.
func (s *Stream) finish() error {
	if s.file == nil {
		return nil
	}
	err := s.same(s.plan.entries[s.next-1])
	err = errors.Join(err, s.file.Close())
	s.file = nil
	return err
}

func (s *Stream) same(e Entry) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() != e.Size || info.ModTime().UnixNano() != e.ModTime {
		return fmt.Errorf("%s: %w (now %d bytes, before %d)", e.Path, ErrChanged, info.Size(), e.Size)
	}
	return nil
}

// Close gives up what is open.
func (s *Stream) Close() error {
	err := s.root.Close()
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
		s.file = nil
	}
	return err
}

// whole is a file's bytes; fewer than it had are [ErrChanged].
type whole struct {
	in   io.Reader
	left int64
	path string
}

func (w *whole) Read(b []byte) (int, error) {
	n, err := w.in.Read(b)
	if w.left -= int64(n); errors.Is(err, io.EOF) && w.left > 0 {
		return n, fmt.Errorf("%s: %w (%d bytes are gone)", w.path, ErrChanged, w.left)
	}
	return n, err
}
