package disk

import "golang.org/x/sys/unix"

// blockSize is the bytes of the blocks that statfs counts.
func blockSize(stat *unix.Statfs_t) uint64 { return uint64(stat.Bsize) }
