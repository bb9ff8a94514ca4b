package spool

import (
	"errors"
	"io"
	"os"
)

// errLong says that a file has more bytes than it may.
var errLong = errors.New("it is too long")

// read returns a whole file of at most limit bytes.
func (s *Spool) read(name string, limit int64) ([]byte, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errLong
	}
	return data, err
}

// write makes a file, or puts it in the place of another, wholly or not at all.
// The folder is not synced.
func (s *Spool) write(name string, data []byte) error {
	temporary := name + ".tmp"
	f, err := s.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = s.root.Rename(temporary, name)
	}
	if err != nil {
		_ = s.root.Remove(temporary)
	}
	return err
}
