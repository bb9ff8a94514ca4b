//go:build unix

package node

import (
	"os"
	"syscall"
)

// secretMode says that a file's mode tells who may read it.
const secretMode = true

// ownedByUs tells whether a file belongs to the user that runs this process.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
