package node_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/batchain/batchain/node/control"
)

// TestReadOnlyHome: a home that may not be written is told of, with exit 8.
func TestReadOnlyHome(t *testing.T) {
	dir := t.TempDir()
	if os.Geteuid() == 0 { // root may write everywhere: be somebody else for the files
		for _, d := range []string{filepath.Dir(dir), dir} {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Setfsuid(0) }()
	} else if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := start(t, filepath.Join(dir, "home")); exit(err) != control.ExitPermission {
		t.Errorf("no home may be made: %v (exit %d)", err, exit(err))
	}
	if err := start(t, dir); exit(err) != control.ExitPermission {
		t.Errorf("home may not be written: %v (exit %d)", err, exit(err))
	}
}
