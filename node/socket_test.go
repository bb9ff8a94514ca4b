package node

import (
	"os"
	"testing"
)

// TestRunFolderOfOthersIsRefused: somebody else may have laid it there.
func TestRunFolderOfOthersIsRefused(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, err := runFolder("/home/x")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := runFolder("/home/x"); err != nil || again != dir {
		t.Errorf("the second time: %s, %v", again, err)
	}
	if other, err := runFolder("/home/y"); err != nil || other == dir {
		t.Errorf("another home: %s, %v", other, err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := runFolder("/home/x"); err == nil {
		t.Error("a folder that others may read is used")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := runFolder("/home/x"); err == nil {
		t.Error("a link to elsewhere is used")
	}
}
