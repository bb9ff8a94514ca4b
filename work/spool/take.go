package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxName bounds a name, in bytes: a key has 17 more, a result's name 11.
	maxName = 100
	// idLength is that of the ID in a key.
	idLength = 16
	// maxTold bounds how many files are remembered of which the log has told.
	maxTold = 10_000
)

// nameOf returns the name in a key.
func nameOf(key string) (string, bool) {
	if len(key) < idLength+2 || key[idLength] != '-' {
		return "", false
	}
	return key[idLength+1:], true
}

// foreign are the ends of names of files that are not for us, or not whole.
var foreign = []string{".tmp", ".part", "~", resultEnd, reasonEnd}

func isForeign(name string) bool {
	return strings.HasPrefix(name, ".") || slices.ContainsFunc(foreign, func(end string) bool { return strings.HasSuffix(name, end) })
}

// take moves a file from in to busy and returns its key, or "" when it is not to
// be taken; later reports whether that may change by itself.
func (s *Spool) take(name string) (key string, later bool, err error) {
	if isForeign(name) {
		return "", false, nil
	}
	info, err := s.root.Lstat(path.Join(inDir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil // somebody took it back
	case err != nil:
		return "", false, err
	case !info.Mode().IsRegular() || len(name) > maxName || !utf8.ValidString(name):
		s.tell(name, "it is no plain file, or its name is no text of at most 100 bytes")
		return "", false, nil
	case time.Since(info.ModTime()).Abs() < s.config.Settle:
		return "", true, nil
	case s.isTaken(name):
		s.tell(name, "there is one of that name in busy, done or failed")
		return "", false, nil
	}
	s.last = max(s.last+1, time.Now().UnixNano())
	key = fmt.Sprintf("%0*x-%s", idLength, s.last, name)
	if err := s.root.Rename(path.Join(inDir, name), path.Join(busyDir, key)); err != nil {
		s.tell(name, err.Error())
		return "", true, nil
	}
	s.busy[name] = key
	delete(s.told, name)
	return key, false, nil
}

// isTaken reports whether a name is on its way, or has come to something.
func (s *Spool) isTaken(name string) bool {
	if s.busy[name] != "" {
		return true
	}
	for _, at := range []string{path.Join(doneDir, name), path.Join(doneDir, name+resultEnd), path.Join(failedDir, name), path.Join(failedDir, name+reasonEnd)} {
		if _, err := s.root.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// tell tells the log of a file that is not taken, once.
func (s *Spool) tell(name, why string) {
	if _, already := s.told[name]; already {
		return
	}
	if len(s.told) < maxTold {
		s.told[name] = struct{}{}
	}
	s.log.Warn("File is not taken", "name", name, "why", why)
}
