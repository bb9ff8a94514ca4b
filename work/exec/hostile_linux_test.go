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
func attempts(m message) map[string]string {
	came := map[string]string{}
	try := func(what string, err error) {
		came[what] = ""
		if err != nil {
			came[what] = err.Error()
		}
	}
	read := func(path string) error { _, err := os.ReadFile(path); return err }
	list := func(path string) error { _, err := os.ReadDir(path); return err }
	try("read its file", read(m.Files["given"]))
	try("write its folder", os.WriteFile("mine", []byte("x"), 0o600))
	try("read a library folder", list("/usr/lib"))

	var input struct {
		Secret string
		Parent int
	}
	unmarshal(m.Input, &input)
	try("read a file of the owner", read(input.Secret))
	try("list its folder", list(filepath.Dir(input.Secret)))
	try("follow a link to it", func() error {
		if err := os.Symlink(input.Secret, "link"); err != nil {
			return err
		}
		return read("link")
	}())
	try("change its file", os.WriteFile(m.Files["given"], []byte("x"), 0o600))
	try("open its file to everybody", os.Chmod(m.Files["given"], 0o666))
	try("open the file of the owner to everybody", os.Chmod(input.Secret, 0o666))
	try("take all from it", unix.Fchmodat(unix.AT_FDCWD, input.Secret, 0, unix.AT_SYMLINK_NOFOLLOW))
	try("give it away", os.Lchown(input.Secret, os.Getuid(), os.Getgid()))
	try("change its time", os.Chtimes(input.Secret, time.Time{}, time.Unix(1, 0)))
	try("give it an attribute", unix.Setxattr(input.Secret, "user.x", []byte("x"), 0))
	try("see that it changes", func() error {
		fd, err := unix.InotifyInit1(0)
		if err != nil {
			return err
		}
		_, err = unix.InotifyAddWatch(fd, filepath.Dir(input.Secret), unix.IN_ALL_EVENTS)
		return err
	}())
	try("truncate it", os.Truncate(input.Secret, 0))
	try("rename it", os.Rename(input.Secret, input.Secret+".gone"))
	try("link it to here", os.Link(input.Secret, "hard"))
	try("remove it", os.Remove(input.Secret))
	try("write beside the file of the owner", os.WriteFile(input.Secret+".new", nil, 0o600))
	try("read the passwords", read("/etc/shadow"))
	try("list the root", list("/"))
	try("read the environment of the parent", read("/proc/"+strconv.Itoa(input.Parent)+"/environ"))
	for _, what := range []string{"exe", "cwd", "root", "fd/0"} {
		_, err := os.Readlink("/proc/" + strconv.Itoa(input.Parent) + "/" + what)
		try("follow the parent's "+what, err)
	}
	try("list the parent's descriptors", list("/proc/"+strconv.Itoa(input.Parent)+"/fd"))
	try("an inherited descriptor", inherited())
	try("start a program", osexec.Command("/bin/true").Run())
	try("fork", func() error {
		_, _, errno := syscall.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
		return number(errno)
	}())
	try("kill the parent", syscall.Kill(input.Parent, 0))
	try("signal everybody", syscall.Kill(-1, 0))
	try("get hold of the parent", func() error { _, err := unix.PidfdOpen(input.Parent, 0); return err }())
	try("slow the parent down", unix.Setpriority(unix.PRIO_PROCESS, input.Parent, 19))
	try("read the parent's memory", func() error {
		_, err := unix.ProcessVMReadv(input.Parent, []unix.Iovec{{Base: new(byte), Len: 1}}, []unix.RemoteIovec{{Base: 4096, Len: 1}}, 0)
		return err
	}())
	try("outlive the parent", unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0))
	try("io_uring", call(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(new([120]byte)))))
	try("keyring", func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); return err }())
	try("abstract socket", func() error { _, err := net.Dial("unix", "@/tmp/.X11-unix/X0"); return err }())
	try("tcp", func() error { _, err := net.Dial("tcp", "127.0.0.1:22"); return err }())
	try("listen", func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err }())
	try("udp", func() error { _, err := net.Dial("udp", "127.0.0.1:53"); return err }())
	try("unix socket", func() error { _, err := net.Listen("unix", "socket"); return err }())
	try("namespace", unix.Unshare(unix.CLONE_NEWUSER))
	try("mount", unix.Mount("none", "/", "tmpfs", 0, ""))
	try("memory file", func() error { _, err := unix.MemfdCreate("x", 0); return err }())
	try("shared memory", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_ANON)
		return err
	}())
	try("shared memory of a device", func() error {
		fd, err := unix.Open("/dev/zero", unix.O_RDWR, 0)
		if err == nil {
			_, err = unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		}
		return err
	}())
	try("memory that grows down", func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_GROWSDOWN)
		return err
	}())
	try("a larger stack", unix.Setrlimit(unix.RLIMIT_STACK, &unix.Rlimit{Cur: 1 << 30, Max: 1 << 30}))
	try("trace", unix.PtraceSeize(input.Parent))
	if !raceDetector {
		try("more memory", unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}))
	}
	try("program in its folder", func() error {
		if err := os.WriteFile("program", []byte("#!/bin/sh\n"), 0o700); err != nil {
			return err
		}
		return unix.Exec("./program", []string{"program"}, nil)
	}())
	if mode, _ := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); mode != 2 {
		came["no seccomp"] = ""
	}
	return came
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
