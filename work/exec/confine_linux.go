package exec

import (
	"fmt"
	"math"
	"os"
	osexec "os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// selfPath is this program, even when its file was replaced meanwhile.
const selfPath = "/proc/self/exe"

// command returns a process that confines itself and then becomes c.Program, or
// our own binary, with args.
func (c confinement) command(args []string) (*osexec.Cmd, error) {
	args, err := childArgs(roleConfine, c, args...)
	if err != nil {
		return nil, err
	}
	cmd := osexec.Command(selfPath, args...)
	cmd.Env, cmd.Dir = []string{}, c.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if namespaces() {
		enterNamespaces(cmd.SysProcAttr)
	} else if c.Strict {
		return nil, fail(CodeSandbox, "this kernel gives no namespaces to this user")
	}
	return cmd, nil
}

// enterNamespaces has a process start in namespaces of its own: without
// network, without the processes, messages and names of the machine, as a user
// without privileges in it.
func enterNamespaces(attr *syscall.SysProcAttr) {
	attr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getegid(), Size: 1}}
}

// nobody is the user and group that a confined process sees itself as.
const nobody = 65534

// become confines this process and turns it into the program. Landlock and
// seccomp hold for a thread and what it executes: this thread executes.
func (c confinement) become(args []string) error {
	runtime.LockOSThread()
	if err := c.limit(); err != nil {
		return err
	}
	program := c.Program
	if program == "" {
		program = selfPath
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	// What whoever started this program had open is nobody's here; Landlock would not mind it.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil && c.Strict {
		return fail(CodeSandbox, "descriptors: %v", err)
	}
	if err := c.landlock(program); err != nil && c.Strict {
		return fail(CodeSandbox, "landlock: %v", err)
	}
	if err := restrictSyscalls(); err != nil && c.Strict {
		return fail(CodeSandbox, "seccomp: %v", err)
	}
	return unix.Exec(program, append([]string{program}, args...), c.Env)
}

// limit sets the limits of the process, and has it run when nobody else wants
// the processor.
func (c confinement) limit() error {
	seconds := uint64(c.Seconds)
	if seconds == 0 {
		seconds = unix.RLIM_INFINITY
	}
	limits := map[int]uint64{
		unix.RLIMIT_CPU:     seconds,
		unix.RLIMIT_CORE:    0,
		unix.RLIMIT_NOFILE:  256,
		unix.RLIMIT_DATA:    uint64(c.Memory),
		unix.RLIMIT_FSIZE:   uint64(c.File),
		unix.RLIMIT_MEMLOCK: 64 << 10,
		unix.RLIMIT_STACK:   8 << 20, // RLIMIT_DATA does not count it; the usual size, which threads take for theirs
		unix.RLIMIT_NICE:    0,
		unix.RLIMIT_RTPRIO:  0,
	}
	if c.Strict { // in a user namespace of its own, so nobody else's are counted; of root's none are
		limits[unix.RLIMIT_NPROC] = maxThreads
	}
	if raceDetector {
		delete(limits, unix.RLIMIT_DATA)
	}
	for resource, most := range limits {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("limit %d: %w", resource, err)
		}
	}
	if c.Eager {
		return nil
	}
	return unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
}
