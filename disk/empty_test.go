package disk

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestRemoveEmpty: what has a byte, another ending or is a folder stays.
func TestRemoveEmpty(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"1.log": "", "2.log": "x", "3.txt": "", "log": "", "4.tab": ""} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600))
	}
	check(t, os.Mkdir(filepath.Join(dir, "5.log"), 0o700))
	check(t, RemoveEmpty(dir, ".log", ".tab"))
	entries, err := os.ReadDir(dir)
	check(t, err)
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if want := []string{"2.log", "3.txt", "5.log", "log"}; !slices.Equal(left, want) {
		t.Errorf("%q stay, want %q", left, want)
	}
	check(t, RemoveEmpty(filepath.Join(dir, "none"), ".log"))
}
