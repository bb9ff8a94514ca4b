package exec

import (
	"fmt"
	osexec "os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Layers tells which walls stand on this machine. A native command needs all.
func Layers() []Layer {
	layers := []Layer{
		{"process", true, "every unit runs in a child process, a module in WebAssembly"},
		{"limits", true, "memory, files, priority"},
		{"namespaces", namespaces(), "no network, no processes but its own"},
	}
	if !namespaces() {
		layers[2].Detail = "the kernel gives this user none: see user.max_user_namespaces and AppArmor"
	}
	version := landlockVersion()
	layers = append(layers, Layer{"landlock", version >= landlockNeeded,
		fmt.Sprintf("no files but its own; version %d, %d is needed", version, landlockNeeded)})
	err := seccompOffered()
	detail := "no sockets, no new processes, no rare calls"
	if err != nil {
		detail = err.Error()
	}
	return append(layers, Layer{"seccomp", err == nil, detail})
}

// seccompOffered returns why filters of system calls cannot be had.
func seccompOffered() error {
	if err := unix.Prctl(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("the kernel has none: %w", err)
	}
	_, err := syscallFilter(runtime.GOARCH)
	return err
}

// namespaces reports whether this user may make the namespaces of
// [enterNamespaces]; it is tried once.
var namespaces = sync.OnceValue(func() bool {
	args, err := childArgs(roleNone, nil)
	if err != nil || !linkedIn { // else the child would be one more of this program
		return false
	}
	cmd := osexec.Command(selfPath, args...)
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	enterNamespaces(cmd.SysProcAttr)
	return cmd.Run() == nil
})
