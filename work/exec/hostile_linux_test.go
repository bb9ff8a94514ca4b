package exec

import (
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

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
	try("write beside the file of the owner", os.WriteFile(input.Secret+".new", nil, 0o600))
	try("read the passwords", read("/etc/shadow"))
	try("list the root", list("/"))
	try("read the environment of the parent", read("/proc/"+strconv.Itoa(input.Parent)+"/environ"))
	try("start a program", osexec.Command("/bin/true").Run())
	try("fork", func() error {
		_, _, errno := syscall.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
		return number(errno)
	}())
	try("kill the parent", syscall.Kill(input.Parent, 0))
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
	if status, err := os.ReadFile("/proc/self/status"); err == nil && strings.Contains(string(status), "Seccomp:\t0") {
		came["no seccomp"] = ""
	}
	return came
}

func number(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
