package node

import (
	"os"
	"testing"

	"github.com/batchain/batchain/disk"
)

// Where the free space cannot be told there is none: a write that goes wrong
// would end the process.
func TestIndexRoom(t *testing.T) {
	n := &Node{home: Home(t.TempDir())}
	if n.indexRoom() {
		t.Error("there is room in a folder that is not there")
	}
	if err := os.Mkdir(n.home.index(), 0o700); err != nil {
		t.Fatal(err)
	}
	size, err := disk.Size(n.home.index())
	if err != nil {
		t.Fatal(err)
	}
	free, err := disk.Free(n.home.index())
	if err != nil || free <= 0 || free > size {
		t.Errorf("%d bytes of %d are free, %v", free, size, err)
	}
	if n.indexRoom() != (free >= indexFloor) {
		t.Errorf("room with %d bytes free: %v", free, n.indexRoom())
	}
}
