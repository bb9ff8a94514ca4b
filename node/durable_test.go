package node

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

func TestWriteDurableLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"first", "second"} {
		if err := writeDurable(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeDurable(filepath.Join(dir, "folder"), nil, 0o600); err == nil {
		t.Error("a folder was written over")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
}

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

func TestVersion(t *testing.T) {
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}}
	for _, c := range []struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", commit, "1.2.3"},
		{"(devel)", commit, "dev+0123456789ab.changed"},
		{"", commit[:1], "dev+0123456789ab"},
		{"(devel)", nil, "dev"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.version}, Settings: c.settings}
		if got := describe(info); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
