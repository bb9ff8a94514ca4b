package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// HomeBusy means that another process runs a node on the home.
type HomeBusy struct {
	Home   string
	PID    int    // of the holder; 0 when it could not be told
	Socket string // where its control API listens
}

// Error tells which process holds the home.
func (e *HomeBusy) Error() string {
	return fmt.Sprintf("home %s is in use by process %d", e.Home, e.PID)
}

// lock is the right to be the one node of a home. The operating system frees
// it when the process ends, however it ends.
type lock struct{ file *flock.Flock }

// acquire takes the lock or says at once who holds it: [*HomeBusy].
func (h Home) acquire() (*lock, error) {
	if err := os.MkdirAll(string(h), 0o700); err != nil {
		return nil, fmt.Errorf("home %s: %w", h, err)
	}
	file := flock.New(h.lock(), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	held, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("home %s: lock: %w", h, err)
	}
	if !held {
		return nil, h.busy()
	}
	if err := os.WriteFile(h.lock(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("home %s: lock: %w", h, err), file.Close())
	}
	return &lock{file}, nil
}

// busy reads who holds the lock.
func (h Home) busy() *HomeBusy {
	data, err := os.ReadFile(h.lock())
	pid := 0
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		pid, _ = strconv.Atoi(strings.TrimSpace(string(data)))
	}
	return &HomeBusy{Home: string(h), PID: pid, Socket: SocketPath(string(h))}
}

// release gives the home back. The file stays: removing it would let two
// processes hold two locks of the same name.
func (l *lock) release() error { return l.file.Close() }
