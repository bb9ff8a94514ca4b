package store

import (
	"os"
	"path/filepath"
	"testing"
)

// Killed while the database makes its log files, an index opens all the same.
func TestEmptyLogFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	for range 3 {
		db, err := OpenIndex(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"00077.mem", "000099.vlog"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
