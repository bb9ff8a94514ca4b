package exec

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// process returns what a process has too much of, or nil.
func (w *warden) process(pid int) *Failure {
	var disk unix.Statfs_t
	if unix.Statfs(w.folder, &disk) == nil && int64(disk.Bavail)*disk.Bsize < spareDisk {
		return fail(CodeDied, "the disk of this machine is full")
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return nil // it has ended
	}
	memory, threads := held(status)
	switch {
	case memory > w.memory+spareMemory:
		return fail(CodeMemory, "its process has more than %d bytes", w.memory)
	case threads > maxThreads:
		return fail(CodeDenied, "more than %d threads", maxThreads)
	}
	return nil
}

// held reads the bytes that a process has for itself, and the number of its threads, out
// of /proc/PID/status.
func held(status []byte) (memory, threads int64) {
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "RssAnon", "RssShmem", "VmSwap", "VmPTE":
			memory += n << 10
		case "Threads":
			threads = n
		}
	}
	return memory, threads
}

// errMuch ends a walk.
var errMuch = errors.New("too much")

// files returns what is too much in the folder, or nil.
func (w *warden) files() *Failure {
	root, err := os.OpenRoot(w.folder)
	if err != nil {
		return fail(CodeDied, "its folder cannot be looked at")
	}
	defer root.Close()
	var size, entries int64
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case strings.Count(path, "/") > maxDepth:
			return errMuch
		case errors.Is(err, fs.ErrNotExist): // gone meanwhile
			return nil
		case err != nil:
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone meanwhile
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			size += stat.Blocks * 512
		}
		if entries++; entries > maxEntries || size > maxFolder {
			return errMuch
		}
		return nil
	})
	switch {
	case errors.Is(err, errMuch):
		return fail(CodeDenied, "more than %d files, %d bytes or %d levels in its folder", maxEntries, maxFolder, maxDepth)
	case err != nil: // a part is closed to everybody
		return fail(CodeDenied, "its folder cannot be looked at")
	}
	return nil
}
