package exec

import (
	osexec "os/exec"
	"sync"
	"syscall"
)

// namespaces reports whether this user may make the namespaces of
// [enterNamespaces]; it is tried once.
var namespaces = sync.OnceValue(func() bool {
	args, err := childArgs("", nil)
	if err != nil {
		return false
	}
	cmd := osexec.Command(selfPath, args...)
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	enterNamespaces(cmd.SysProcAttr)
	if cmd.Start() != nil {
		return false
	}
	_ = cmd.Wait() // a child without a role ends with an error
	return true
})
