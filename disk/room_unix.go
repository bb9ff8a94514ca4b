//go:build unix

package disk

import (
	"math/bits"
	"os"

	"golang.org/x/sys/unix"
)

func room(path string) (free, size int64, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	unit := blockSize(&stat)
	return inBytes(uint64(stat.Bavail), unit), inBytes(uint64(stat.Blocks), unit), nil
}

// inBytes is the length of so many blocks.
func inBytes(blocks, unit uint64) int64 {
	high, low := bits.Mul64(blocks, unit)
	if high > 0 {
		return most
	}
	return int64(min(low, most))
}
