package spool

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/batchain/batchain/work"
)

// The ends of the names of what a unit came to.
const (
	resultEnd = ".result"
	reasonEnd = ".reason"
)

// ending is what one unit came to.
type ending struct {
	key, name, dir, end string
	text                []byte
}

// Put implements the store of package work/feed. What units came to is on the
// disk before the units move, and both are before the state does.
func (s *Spool) Put(_ context.Context, chunks []work.Datachunk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.state.Next
	var endings []ending
	for _, c := range chunks {
		if c.Seq < next {
			continue
		}
		next = c.Seq + 1
		name, ok := nameOf(c.Key)
		if !ok || s.busy[name] != c.Key {
			continue // it came before, or from elsewhere
		}
		e := ending{c.Key, name, doneDir, resultEnd, c.Output}
		if c.State != work.Valid {
			e.dir, e.end, e.text = failedDir, reasonEnd, line(c.State.String()+": "+c.Reason)
		}
		endings = append(endings, e)
	}
	if err := s.end(endings); err != nil {
		return err
	}
	if next == s.state.Next {
		return nil
	}
	return s.writeState(next)
}

// end writes what units came to, and moves the units.
func (s *Spool) end(endings []ending) error {
	if len(endings) == 0 {
		return nil
	}
	for _, e := range endings {
		if err := s.write(path.Join(e.dir, e.name+e.end), e.text); err != nil {
			return err
		}
	}
	if err := errors.Join(s.sync(doneDir), s.sync(failedDir)); err != nil {
		return err
	}
	for _, e := range endings {
		err := s.root.Rename(path.Join(busyDir, e.key), path.Join(e.dir, e.name))
		if errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("File is gone from busy", "name", e.name)
			err = nil
		}
		if err != nil {
			return err
		}
		delete(s.busy, e.name)
	}
	return errors.Join(s.sync(doneDir), s.sync(failedDir), s.sync(busyDir))
}

// fail ends a unit that is none, for a reason.
func (s *Spool) fail(key, reason string) error {
	name, _ := nameOf(key)
	s.log.Warn("File is no unit", "name", name, "reason", reason)
	return s.end([]ending{{key, name, failedDir, reasonEnd, line(reason)}})
}

// line makes one line of a text.
func line(text string) []byte {
	return append([]byte(strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")), '\n')
}

// Finish implements the store of package work/feed.
func (s *Spool) Finish(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var endings []ending
	for name, key := range s.busy {
		endings = append(endings, ending{key, name, failedDir, reasonEnd, line("cancelled: the project is over")})
	}
	return s.end(endings)
}
