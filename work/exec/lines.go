package exec

import (
	"bufio"
	"errors"
	"io"
)

// errLong says that a line is longer than [MaxLine]. What follows it cannot be
// told apart from it, so nothing more is read.
var errLong = errors.New("a line of more than 1 MiB")

// lineReader reads lines of at most [MaxLine] bytes.
type lineReader struct {
	r    *bufio.Reader
	line []byte
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// next returns the next line without its newline; it is valid until the next
// call. A last line without a newline is no line: its writer died in it.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.line)+len(part) > MaxLine {
			return nil, errLong
		}
		l.line = append(l.line, part...)
		switch {
		case err == nil:
			return l.line[:len(l.line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
