package exec

import (
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// boxWord makes the test binary somebody who is not root, whom modes hold back.
const boxWord = "owner-of-a-box"

// Whatever a worker leaves in its folder goes, also what it made so that its owner may not
// look into it; and what it links to stays.
func TestNothingIsLeftInABox(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "box") // every folder above may be passed through
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "test")
	if err := errors.Join(os.WriteFile(program, binary, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(program, boxWord, dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "gone\n" {
		t.Errorf("%s, %v", out, err)
	}
}

// boxed fills and empties a box in dir.
func boxed(dir string) {
	kept := filepath.Join(dir, "kept")
	err := errors.Join(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 256, Max: 256}), os.Mkdir(kept, 0o755), os.WriteFile(filepath.Join(kept, "file"), nil, 0o644))
	b, made := newBox(dir)
	litter := func() error {
		closed := filepath.Join(b.out(), "closed")
		return errors.Join(os.MkdirAll(filepath.Join(closed, "deep"), 0o700), nest(b.out(), 3000), os.WriteFile(filepath.Join(closed, "deep", "x"), nil, 0),
			os.Symlink(kept, filepath.Join(closed, "link")), os.Symlink(kept, filepath.Join(b.out(), "link")),
			os.Mkdir(filepath.Join(b.out(), "empty"), 0), os.Chmod(filepath.Join(closed, "deep"), 0o300), os.Chmod(closed, 0))
	}
	err = errors.Join(err, made, litter(), b.empty(), litter(), removeBoxes(dir))
	info, there := os.Stat(filepath.Join(kept, "file"))
	if _, left := os.Stat(b.dir); err != nil || !errors.Is(left, os.ErrNotExist) || there != nil || info.Mode() != 0o644 {
		fmt.Println(err, left, there)
		return
	}
	fmt.Println("gone")
}

// nest makes folders in each other: more than a process may open, and longer than a path.
func nest(dir string, depth int) error {
	from, err := os.Getwd()
	if err != nil {
		return err
	}
	err = os.Chdir(dir)
	for range depth {
		err = errors.Join(err, os.Mkdir("nested", 0o700), os.Chdir("nested"))
	}
	return errors.Join(err, os.Chdir(from))
}
