package disk

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A file system over a network counts in small blocks and likes large ones.
func TestBlockSize(t *testing.T) {
	for _, tt := range []struct {
		stat unix.Statfs_t
		want uint64
	}{
		{unix.Statfs_t{Bsize: 4096, Frsize: 4096}, 4096},
		{unix.Statfs_t{Bsize: 1 << 20, Frsize: 512}, 512},
		{unix.Statfs_t{Bsize: 4096}, 4096},
	} {
		if got := blockSize(&tt.stat); got != tt.want {
			t.Errorf("bsize %d, frsize %d: %d", tt.stat.Bsize, tt.stat.Frsize, got)
		}
	}
}

func TestInBytes(t *testing.T) {
	for _, tt := range []struct {
		blocks, unit uint64
		want         int64
	}{
		{0, 4096, 0}, {3, 4096, 12288}, {1 << 50, 4096, most}, {1 << 62, 4096, most}, {1<<64 - 1, 1<<64 - 1, most},
	} {
		if got := inBytes(tt.blocks, tt.unit); got != tt.want {
			t.Errorf("%d blocks of %d: %d, want %d", tt.blocks, tt.unit, got, tt.want)
		}
	}
}
