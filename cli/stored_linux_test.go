package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStoredMeansStored plays, over real processes, what a person would try:
// shards are damaged, deleted and their hosts killed, an audit names these hosts
// and no others, a repair mends; a host leaves in order; and when the owner's
// home is gone, the 24 words bring the file back.
func TestStoredMeansStored(t *testing.T) {
	f := newFleet(t, 10)
	me, file, want := filepath.Join(f.dir, "me"), filepath.Join(f.dir, "holiday.tar"), filepath.Join(f.dir, "back.tar")
	if err := writeFile(file, noise(3e6)); err != nil {
		t.Fatal(err)
	}
	f.must(0, me, "", "-u", file, "--scheme", "2+3", "--keepers", "1")
	f.mustFind(0, me)

	hosts := f.holders()
	overwrite(t, hosts[0].shards(t)[0])
	for _, path := range hosts[1].shards(t) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	_ = hosts[2].cmd.Process.Kill()
	hosts[2].wait()
	f.mustFind(3, me, hosts[0].peer(), hosts[1].peer(), hosts[2].peer())
	f.must(0, me, "", "-p", "holiday.tar")
	f.mustFind(0, me)

	leaver := hosts[3]
	f.must(0, leaver.home, "", "leave", "--evacuate")
	if leaver.wait(); leaver.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("the node that left ended with %s", leaver.cmd.ProcessState)
	}
	f.nodes = slices.DeleteFunc(f.nodes, func(s *ship) bool { return s == leaver })
	f.mustFind(0, me)

	words := f.must(0, me, "", "key", "export", "--paper", "-q")
	if err := os.RemoveAll(me); err != nil {
		t.Fatal(err)
	}
	me = filepath.Join(f.dir, "again")
	if said := f.must(0, me, words, "recover"); said != "recovered 1 of 1 files; batchain ls lists them\n" {
		t.Errorf("recover says %q", said)
	}
	f.must(0, me, "", "-d", "holiday.tar", "-o", want)
	f.must(0, me, "", "-p", "holiday.tar")
	f.mustFind(0, me)
	a, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(want); err != nil || !bytes.Equal(a, b) {
		t.Errorf("what came back differs: %d bytes, %v", len(b), err)
	}
}

// must runs a command, which has to end with a code, and returns its stdout.
func (f *fleet) must(code int, home, stdin string, args ...string) string {
	f.b.Helper()
	at := slices.IndexFunc(f.nodes, func(s *ship) bool { return s.cmd.ProcessState == nil }) // still runs
	cmd := f.command(home, append([]string{"--bootstrap", f.nodes[at].addr, "--timeout", "60s"}, args...)...)
	cmd.Dir, cmd.Stdin = f.dir, strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		f.b.Fatalf("%q ends with %d, not %d\n%s%s", args, got, code, &stdout, &stderr)
	}
	return stdout.String()
}

// mustFind audits the file, which has to end with a code and find that these
// peers are not in order, and no others.
func (f *fleet) mustFind(code int, home string, bad ...string) {
	f.b.Helper()
	var found []string
	said := f.must(code, home, "", "-a", "holiday.tar", "--json")
	for lines := bufio.NewScanner(strings.NewReader(said)); lines.Scan(); {
		var host struct {
			Type, Peer                                        string
			OK, Wrong, Missing, Timeout, Unreachable, Refused int
		}
		if err := json.Unmarshal(lines.Bytes(), &host); err != nil {
			f.b.Fatalf("line %q: %v", lines.Text(), err)
		}
		if host.Type == "host" && host.Wrong+host.Missing+host.Timeout+host.Unreachable+host.Refused > 0 {
			found = append(found, host.Peer)
		}
	}
	slices.Sort(bad)
	if slices.Sort(found); !slices.Equal(found, bad) {
		f.b.Errorf("the audit finds %q, not %q:\n%s", found, bad, said)
	}
}

// holders are the nodes that hold shards.
func (f *fleet) holders() (found []*ship) {
	for _, s := range f.nodes {
		if len(s.shards(f.b)) > 0 {
			found = append(found, s)
		}
	}
	return found
}

func (s *ship) peer() string { return s.addr[strings.LastIndexByte(s.addr, '/')+1:] }

// shards are the paths of the shards that a node holds.
func (s *ship) shards(t testing.TB) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(s.home, "shards"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// overwrite changes one byte in the middle of a file.
func overwrite(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte{text[len(text)/2] ^ 1}, int64(len(text)/2)); err != nil {
		t.Fatal(err)
	}
}
