//go:build unix

package node

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// secretMode says that a file's mode tells who may read it.
const secretMode = true

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// ownedByUs tells whether a file belongs to the user that runs this process.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// diskSize is the size in bytes of the file system that holds path.
func diskSize(path string) (int64, error) {
	stat, err := statfs(path)
	return int64(stat.Blocks) * int64(stat.Bsize), err
}

// diskFree is the bytes that the file system with path can still take.
func diskFree(path string) (int64, error) {
	stat, err := statfs(path)
	return int64(stat.Bavail) * int64(stat.Bsize), err
}

func statfs(path string) (stat unix.Statfs_t, err error) {
	if err := unix.Statfs(path, &stat); err != nil {
		return stat, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return stat, nil
}
