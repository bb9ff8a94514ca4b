package node_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user who owns nothing.
const nobody = 65534

// TestReadOnlyHome: a home that may not be written is told of, with exit 8.
func TestReadOnlyHome(t *testing.T) {
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		must(t, os.Chmod(dir, 0o500))
	} else { // root may write everywhere: be somebody else
		must(t, os.Chmod(filepath.Dir(dir), 0o755))
		must(t, os.Chmod(dir, 0o755))
	}
	self := filepath.Join(dir, "self")
	if os.Geteuid() == 0 {
		copyProgram(t, self)
	} else {
		self = os.Args[0]
	}
	for _, home := range []string{filepath.Join(dir, "home"), dir} {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), holdHome+"="+home)
		cmd.Dir = dir
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "E0801") || !strings.Contains(string(out), dir) {
			t.Errorf("%s: %v\n%s", home, err, out)
		}
	}
}

// copyProgram puts this program where everybody may run it.
func copyProgram(t *testing.T, to string) {
	t.Helper()
	from, err := os.Open(os.Args[0])
	must(t, err)
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(f, from)
	must(t, err)
	must(t, f.Close())
}
