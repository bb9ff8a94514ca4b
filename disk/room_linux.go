package disk

import "golang.org/x/sys/unix"

// blockSize is the bytes of the blocks that statfs counts: fragments, where the
// file system knows them. Its Bsize is how much it likes to be given at a time,
// which may be a multiple over a network.
func blockSize(stat *unix.Statfs_t) uint64 {
	if stat.Frsize > 0 {
		return uint64(stat.Frsize)
	}
	return uint64(stat.Bsize)
}
