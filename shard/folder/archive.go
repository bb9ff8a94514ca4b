package folder

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"github.com/batchain/batchain/wire"
)

// Archive is a stream whose every byte can be read. It is safe for concurrent
// use if its source is.
type Archive struct {
	Files int // entries, as the trailer says

	src           io.ReaderAt
	index, length int64
}

// OpenArchive finds the index of a stream of size bytes: [ErrArchive], wrapped,
// when there is none. Reading errors of src come as they are.
func OpenArchive(src io.ReaderAt, size int64) (*Archive, error) {
	if size < trailerSize+2*blockSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrArchive, size)
	}
	end := make([]byte, trailerSize)
	if _, err := src.ReadAt(end, size-trailerSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	body, ok := bytes.CutPrefix(end, []byte(magic))
	if !ok {
		return nil, fmt.Errorf("%w: it does not end as a folder does", ErrArchive)
	}
	start, length, files := binary.BigEndian.Uint64(body), binary.BigEndian.Uint64(body[8:]), binary.BigEndian.Uint64(body[16:])
	most := uint64(size - trailerSize)
	if start > most || length != most-start || files > MaxEntries {
		return nil, fmt.Errorf("%w: index of %d bytes at %d of %d, %d entries", ErrArchive, length, start, size, files)
	}
	return &Archive{Files: int(files), src: src, index: int64(start), length: int64(length)}, nil
}

// Entries reads the index, in the order of paths. It stops at the first error,
// which it yields.
func (a *Archive) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		in := bufio.NewReaderSize(io.NewSectionReader(a.src, a.index, a.length), 64<<10)
		count, taken := 0, int64(0) // taken: where the last file's bytes ended
		for {
			records, err := readFrame(in)
			if errors.Is(err, io.EOF) && count == a.Files {
				return
			}
			if err != nil {
				yield(Entry{}, unexpected(err))
				return
			}
			for _, r := range records {
				e, err := r.entry(a.index)
				if count++; err == nil {
					err = a.inOrder(e, count, &taken)
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// inOrder makes sure that no bytes belong to two files: a short stream must not
// fill a disk.
func (a *Archive) inOrder(e Entry, count int, taken *int64) error {
	if count > a.Files {
		return fmt.Errorf("%w: more than %d entries", ErrArchive, a.Files)
	}
	if e.Kind != File || e.Size == 0 {
		return nil
	}
	if e.Offset < *taken {
		return fmt.Errorf("%w: %.80q shares its bytes with another file", ErrArchive, e.Path)
	}
	*taken = e.Offset + e.Size
	return nil
}

func readFrame(in io.Reader) ([]entryRecord, error) {
	kind, payload, err := wire.ReadFrame(in, maxFrame)
	if err != nil {
		return nil, err
	}
	var records []entryRecord
	if err := wire.Unmarshal(payload, &records); err != nil || kind != frameKind || len(records) == 0 || len(records) > perFrame {
		return nil, fmt.Errorf("%w: frame %d of %d entries", ErrArchive, kind, len(records))
	}
	return records, nil
}

// unexpected tells damage from errors of the source.
func unexpected(err error) error {
	for _, damage := range []error{io.EOF, io.ErrUnexpectedEOF, wire.ErrShort, wire.ErrTooLarge, wire.ErrBadRequest} {
		if errors.Is(err, damage) {
			return fmt.Errorf("%w: %w", ErrArchive, err)
		}
	}
	return err
}

// Find returns the entry of a path, which may end in a slash; an error that
// wraps [fs.ErrNotExist] when there is none.
func (a *Archive) Find(path string) (Entry, error) {
	path = clean(path)
	for e, err := range a.Entries() {
		if err != nil || e.Path == path {
			return e, err
		}
	}
	return Entry{}, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
}

// Reader returns the bytes of a file.
func (a *Archive) Reader(e Entry) io.Reader { return io.NewSectionReader(a.src, e.Offset, e.Size) }
