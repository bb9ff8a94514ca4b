package exec

import (
	"errors"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempts are what a confined process tries, and what came of each: "" when it
// succeeded.
func attempts(m message) attempted {
	var input struct {
		Secret string
		Parent int
	}
	unmarshal(m.Input, &input)
	a := attempted{}
	a.onFiles(m.Files["given"], input.Secret)
	a.onProcesses(input.Parent)
	a.onTheKernel()
	a.onLimits()
	if mode, _ := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); mode != 2 {
		a["no seccomp"] = ""
	}
	return a
}

// attempted is what came of attempts: an error, or "" for none.
type attempted map[string]string

func (a attempted) try(what string, err error) {
	a[what] = ""
	if err != nil {
		a[what] = err.Error()
	}
}

func readFile(path string) error { _, err := os.ReadFile(path); return err }

func listFolder(path string) error { _, err := os.ReadDir(path); return err }

// onFiles tries its own, which it may, and those of the bee's owner.
func (a attempted) onFiles(given, secret string) {
	a.try("read its file", readFile(given))
	a.try("write its folder", os.WriteFile("mine", []byte("x"), 0o600))
	a.try("read a library folder", listFolder("/usr/lib"))
	a.try("read how OpenSSL is set up", func() error {
		if err := readFile("/etc/ssl/openssl.cnf"); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}())

	a.try("read a file of the owner", readFile(secret))
	a.try("list its folder", listFolder(filepath.Dir(secret)))
	a.try("follow a link to it", func() error {
		if err := os.Symlink(secret, "link"); err != nil {
			return err
		}
		return readFile("link")
	}())
	a.try("change its file", os.WriteFile(given, []byte("x"), 0o600))
	a.try("open its file to everybody", os.Chmod(given, 0o666))
	a.try("open the file of the owner to everybody", os.Chmod(secret, 0o666))
	a.try("take all from it", unix.Fchmodat(unix.AT_FDCWD, secret, 0, unix.AT_SYMLINK_NOFOLLOW))
	a.try("give it away", os.Lchown(secret, os.Getuid(), os.Getgid()))
	a.try("change its time", os.Chtimes(secret, time.Time{}, time.Unix(1, 0)))
	a.try("give it an attribute", unix.Setxattr(secret, "user.x", []byte("x"), 0))
	a.try("see that it changes", func() error {
		fd, err := unix.InotifyInit1(0)
		if err != nil {
			return err
		}
		_, err = unix.InotifyAddWatch(fd, filepath.Dir(secret), unix.IN_ALL_EVENTS)
		return err
	}())
	a.try("truncate it", os.Truncate(secret, 0))
	a.try("rename it", os.Rename(secret, secret+".gone"))
	a.try("link it to here", os.Link(secret, "hard"))
	a.try("remove it", os.Remove(secret))
	a.try("write beside the file of the owner", os.WriteFile(secret+".new", nil, 0o600))
	a.try("read the passwords", readFile("/etc/shadow"))
	a.try("list the root", listFolder("/"))
}

// onProcesses tries to start some, and what can be done to the parent.
func (a attempted) onProcesses(parent int) {
	a.try("read the environment of the parent", readFile("/proc/"+strconv.Itoa(parent)+"/environ"))
	for _, what := range []string{"exe", "cwd", "root", "fd/0"} {
		_, err := os.Readlink("/proc/" + strconv.Itoa(parent) + "/" + what)
		a.try("follow the parent's "+what, err)
	}
	a.try("list the parent's descriptors", listFolder("/proc/"+strconv.Itoa(parent)+"/fd"))
	a.try("an inherited descriptor", inherited())
	a.try("start a program", osexec.Command("/bin/true").Run())
	a.try("fork", func() error {
		_, _, errno := syscall.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
		return number(errno)
	}())
	a.try("kill the parent", syscall.Kill(parent, 0))
	a.try("signal everybody", syscall.Kill(-1, 0))
	a.try("get hold of the parent", func() error { _, err := unix.PidfdOpen(parent, 0); return err }())
	a.try("slow the parent down", unix.Setpriority(unix.PRIO_PROCESS, parent, 19))
	a.try("read the parent's memory", func() error {
		_, err := unix.ProcessVMReadv(parent, []unix.Iovec{{Base: new(byte), Len: 1}}, []unix.RemoteIovec{{Base: 4096, Len: 1}}, 0)
		return err
	}())
	a.try("outlive the parent", unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0))
	a.try("trace", unix.PtraceSeize(parent))
	a.try("program in its folder", func() error {
		if err := os.WriteFile("program", []byte("#!/bin/sh\n"), 0o700); err != nil {
			return err
		}
		return unix.Exec("./program", []string{"program"}, nil)
	}())
}

// onTheKernel tries sockets, memory that no limit counts, and other calls.
func (a attempted) onTheKernel() {
	a.try("io_uring", call(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(new([120]byte)))))
	a.try("keyring", func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); return err }())
	a.try("abstract socket", func() error { _, err := net.Dial("unix", "@/tmp/.X11-unix/X0"); return err }())
	a.try("tcp", func() error { _, err := net.Dial("tcp", "127.0.0.1:22"); return err }())
	a.try("listen", func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err }())
	a.try("udp", func() error { _, err := net.Dial("udp", "127.0.0.1:53"); return err }())
	a.try("unix socket", func() error { _, err := net.Listen("unix", "socket"); return err }())
	a.try("namespace", unix.Unshare(unix.CLONE_NEWUSER))
	a.try("mount", unix.Mount("none", "/", "tmpfs", 0, ""))
	a.try("memory file", func() error { _, err := unix.MemfdCreate("x", 0); return err }())
	a.try("shared memory", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_ANON)
		return err
	}())
	a.try("shared memory of a device", func() error {
		fd, err := unix.Open("/dev/zero", unix.O_RDWR, 0)
		if err == nil {
			_, err = unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		}
		return err
	}())
	a.try("memory that grows down", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_GROWSDOWN)
		return err
	}())
	a.try("a larger stack", unix.Setrlimit(unix.RLIMIT_STACK, &unix.Rlimit{Cur: 1 << 30, Max: 1 << 30}))
	if !raceDetector {
		a.try("more memory", unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}))
	}
}

// onLimits tries to have more of what limits count, or of what none does.
func (a attempted) onLimits() {
	var pipe [2]int
	a.try("a pipe", unix.Pipe(pipe[:]))
	a.try("a larger pipe", func() error { _, err := unix.FcntlInt(uintptr(pipe[1]), unix.F_SETPIPE_SZ, 1<<20); return err }())
	a.try("a larger buffer", func() error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		return unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<24)
	}())
	a.try("disk at once", func() error {
		fd, err := unix.Open("large", unix.O_CREAT|unix.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		return unix.Fallocate(fd, 0, 0, 1<<20)
	}())
	a.try("have the disk written", call(unix.SYS_SYNCFS, 1, 0))
	a.try("watch a folder by fcntl", func() error {
		fd, err := unix.Open("/usr", unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_NOTIFY, 4) // DN_CREATE
		return err
	}())
	a.try("list what is mounted", call(unix.SYS_LISTMOUNT, 0, 0))
	a.try("rules of its own", call(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0))
	a.try("a better priority", unix.Setpriority(unix.PRIO_PROCESS, 0, -20))
	a.try("a limit on priorities", unix.Setrlimit(unix.RLIMIT_NICE, &unix.Rlimit{Cur: 40, Max: 40}))
	a.try("more threads", unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: 4096, Max: 4096}))
	a.try("lock memory", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE))
}

// hiddenMemory takes memory that RLIMIT_DATA does not count once it is read-only.
func hiddenMemory() {
	for {
		block, err := unix.Mmap(-1, 0, 16<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			panic(err)
		}
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		if err := unix.Mprotect(block, unix.PROT_READ); err != nil {
			panic(err)
		}
	}
}

// inherited returns an error unless there is an open file, pipe or socket beyond the first
// three descriptors; the runtime's own are neither.
func inherited() error {
	for fd := 3; fd < 1024; fd++ {
		var stat unix.Stat_t
		if unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT != 0 {
			return nil
		}
	}
	return errors.New("there is none")
}

func call(trap, a, b uintptr) error {
	_, _, errno := syscall.Syscall(trap, a, b, 0)
	return number(errno)
}

func number(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
