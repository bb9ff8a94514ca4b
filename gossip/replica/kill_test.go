package replica_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/batchain/batchain/gossip/replica"
)

// childPath is the environment variable that names the file for the process that is
// going to be killed.
const childPath = "BATCHAIN_REPLICA_TEST_FILE"

// writeUntilKilled writes numbers to a map in a file, and says each that is in.
func writeUntilKilled(path string) int {
	m := replica.NewMap(replica.MapOptions{})
	r, err := replica.Open(context.Background(), path, m, config(1))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer r.Close()
	for n := m.Len(); ; n++ {
		if err := m.Set(strconv.Itoa(n), make([]byte, 300)); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(n)
	}
}

// A process that is killed at any moment has lost nothing that Set had returned for,
// and its numbers are never used twice.
func TestKilledWriterLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc")
	last := -1
	for round := range 4 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childPath+"="+path)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		lines := bufio.NewScanner(out)
		for stop := last + 5 + 17*round; lines.Scan(); {
			n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
			if err != nil {
				t.Fatal(lines.Text())
			}
			if last = n; n == stop {
				must(t, child.Process.Kill())
			}
		}
		_ = child.Wait()
		m := replica.NewMap(replica.MapOptions{})
		r, err := replica.Open(t.Context(), path, m, config(1))
		must(t, err)
		for n := range last + 1 {
			if _, ok := m.Get(strconv.Itoa(n)); !ok {
				t.Errorf("%d was written and is lost", n)
			}
		}
		if m.Len() > last+2 {
			t.Errorf("%d keys, after %d were reported", m.Len(), last+1)
		}
		if c := r.Counts(); c.Sources != 1 {
			t.Errorf("%d sources, want the one epoch to go on", c.Sources)
		}
		last = m.Len() - 1
		must(t, r.Close())
	}
}
