//go:build !linux

package exec

import (
	"errors"
	"os"
	osexec "os/exec"
)

// command returns the process of a child of our own binary. There are no layers
// here: a module has its own walls only, and native commands are refused.
func (c confinement) command(args []string) (*osexec.Cmd, error) {
	if c.Strict {
		return nil, fail(CodeSandbox, "native commands run on Linux only")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := osexec.Command(self, args...)
	cmd.Env = []string{}
	return cmd, nil
}

func (c confinement) become([]string) error { return errors.ErrUnsupported }
