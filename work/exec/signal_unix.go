//go:build unix

package exec

import (
	"errors"
	"os"
	"syscall"
)

// ended forgives a process that has ended meanwhile.
func ended(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func halt(p *os.Process) error { return ended(p.Signal(syscall.SIGSTOP)) }

func proceed(p *os.Process) error { return ended(p.Signal(syscall.SIGCONT)) }
