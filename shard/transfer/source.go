package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/batchain/batchain/shard/folder"
)

// Source is what a put reads: a file or a folder by its path, or a stream.
type Source struct {
	Path   string    // absolute; empty for a stream
	Stream io.Reader // read to its end; nil for a file or a folder
	Name   string    // what the file is called; for a stream also how a put resumes
	Size   int64     // bytes of a stream, -1 if unknown; the others tell their own
}

// input is an open source.
type input struct {
	*bufio.Reader
	closer io.Closer    // nil for a stream
	plan   *folder.Plan // nil for what is no folder
	first  os.FileInfo  // nil for a stream
	size   int64        // -1 if unknown
}

// peekSize lets a put look at the start of a stream before it picks a scheme.
const peekSize = 128 << 10

func openSource(s Source) (*input, error) {
	if s.Stream != nil {
		return &input{Reader: bufio.NewReaderSize(s.Stream, peekSize), size: s.Size}, nil
	}
	info, err := os.Stat(s.Path)
	if err == nil && info.IsDir() {
		return openFolder(s.Path, info)
	}
	if err := regular(info, err); err != nil {
		return nil, err // before it is opened: the open of a pipe would block
	}
	file, err := os.Open(s.Path)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); regular(info, err) != nil {
		file.Close()
		return nil, regular(info, err)
	}
	return &input{Reader: bufio.NewReaderSize(file, peekSize), closer: file, first: info, size: info.Size()}, nil
}

// openFolder reads a folder as one stream; see package folder.
func openFolder(path string, info os.FileInfo) (*input, error) {
	plan, err := folder.NewPlan(path)
	if err != nil {
		return nil, err
	}
	stream, err := plan.Open()
	if err != nil {
		return nil, err
	}
	return &input{Reader: bufio.NewReaderSize(stream, peekSize), closer: stream, plan: plan, first: info, size: plan.Size}, nil
}

func regular(info os.FileInfo, err error) error {
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", info.Name())
	}
	return err
}

func (in *input) close() {
	if in.closer != nil {
		in.closer.Close()
	}
}

// upTo reports whether the source ends within limit bytes, and after how many.
func (in *input) upTo(limit int) (int, bool, error) {
	start, err := in.Peek(limit + 1)
	if errors.Is(err, io.EOF) {
		return len(start), true, nil
	}
	return len(start), false, err
}

// segment fills buf as far as the source goes. It is the last one when nothing
// follows it.
func (in *input) segment(buf []byte) (length int, last bool, err error) {
	length, err = io.ReadFull(in, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return length, true, nil
	}
	if err != nil {
		return length, false, err
	}
	_, err = in.Peek(1)
	if errors.Is(err, io.EOF) {
		return length, true, nil
	}
	return length, false, err
}

// unchanged returns [ErrChanged], wrapped, when the file at path is no longer
// the one that was opened, or was written to since. Of a folder, each file was
// looked at when its last byte was read.
func (in *input) unchanged(path string) error {
	if in.first == nil || in.plan != nil {
		return nil
	}
	now, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", path, ErrChanged, err)
	}
	if !os.SameFile(in.first, now) || now.Size() != in.first.Size() || !now.ModTime().Equal(in.first.ModTime()) {
		return fmt.Errorf("%s: %w (now %d bytes of %s, before %d of %s)", path, ErrChanged,
			now.Size(), now.ModTime().Format(time.RFC3339Nano), in.first.Size(), in.first.ModTime().Format(time.RFC3339Nano))
	}
	return nil
}
