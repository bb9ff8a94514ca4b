package cli_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/batchain/batchain/work/guesttest"
)

// killUnits is how many units a project has whose hive is killed.
const killUnits = 100

// killRounds is how many projects are worked on while processes are killed:
// BATCHAIN_KILLS says how many.
func killRounds() int {
	if n, err := strconv.Atoi(os.Getenv("BATCHAIN_KILLS")); err == nil {
		return n
	}
	return 2
}

// TestKilledHiveAndBees: real processes on loopback. In every round the hive and
// one bee of four are killed with SIGKILL at a random moment in the middle of a
// project, and started again. Every unit gets its datachunk, each one once and for
// good, and nobody counts one twice.
func TestKilledHiveAndBees(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: five processes that are killed again and again")
	}
	f := newFleet(t, 5)
	if err := os.WriteFile(filepath.Join(f.dir, "pi.wasm"), guesttest.Leibniz(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2, 3, 4} {
		if o := f.run(f.nodes[i].home, nil, nil, "work", "volunteer", "--slots", "1"); o.code != 0 {
			t.Fatalf("volunteer: exit %d", o.code)
		}
	}
	running := map[int]*ship{}
	for i, s := range f.nodes {
		running[i] = s
	}
	again := 0
	for round := range killRounds() {
		again += killRound(t, f, running, fmt.Sprint("round", round))
	}
	t.Logf("%d rounds, %d units, %d times the results had to be asked for again", killRounds(), killRounds()*killUnits, again)
}

// killRound works on one project, and tells how often its results had to be
// asked for again.
func killRound(t *testing.T, f *fleet, running map[int]*ship, name string) (again int) {
	t.Helper()
	hive := running[1].home
	file := filepath.Join(f.dir, name+".toml")
	terms := fmt.Sprintf("name = %q\nmodule = \"pi.wasm\"\ncount = %d\nlease = \"1s\"\n[policy]\nrule = \"quorum\"\n", name, killUnits)
	if err := os.WriteFile(file, []byte(terms), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := f.run(hive, nil, nil, "work", "submit", file); o.code != 0 {
		t.Fatalf("submit: exit %d", o.code)
	}
	got, at, bee := map[uint64]string{}, rand.IntN(killUnits/2), 2+rand.IntN(3)
	f.collect(t, hive, name, got, func() {
		if len(got) == at+1 {
			_ = running[1].cmd.Process.Kill()
			_ = running[bee].cmd.Process.Kill()
		}
	})
	t.Logf("%s: killed after %d of %d datachunks, hive and bee %d", name, len(got), killUnits, bee)
	for _, i := range []int{1, bee} {
		running[i].wait()
		f.launch(i)
		running[i] = f.nodes[len(f.nodes)-1]
	}
	for end := time.Now().Add(2 * time.Minute); !f.collect(t, hive, name, got, func() {}); again++ {
		if time.Now().After(end) {
			t.Fatalf("%s: %d of %d datachunks after two minutes", name, len(got), killUnits)
		}
	}
	for seq := range uint64(killUnits) {
		if got[seq] != fmt.Sprint(leibniz(seq)) {
			t.Errorf("%s: datachunk %d is %q", name, seq, got[seq])
		}
	}
	if all := map[uint64]string{}; !f.collect(t, hive, name, all, func() {}) || !maps.Equal(all, got) {
		t.Errorf("%s: the datachunks are not what they were", name)
	}
	o := f.run(hive, nil, nil, "work", "show", name)
	if o.result["state"] != "finished" || o.result["made"] != float64(killUnits) || o.result["valid"] != float64(killUnits) {
		t.Errorf("%s: %v", name, o.result)
	}
	return again
}

// leibniz is what unit n of the module comes to.
func leibniz(n uint64) (sum int64) {
	for k := int64(n) * guesttest.Terms; k < int64(n+1)*guesttest.Terms; k++ {
		term := int64(4*guesttest.Scale) / (2*k + 1)
		if k%2 == 1 {
			term = -term
		}
		sum += term
	}
	return sum
}

// collect follows the results of a project, from the first that is not in got
// on, calls seen after each, and reports whether it saw the end.
func (f *fleet) collect(t *testing.T, home, name string, got map[uint64]string, seen func()) (all bool) {
	t.Helper()
	cmd := f.command(home, "work", "results", name, "--follow", "--json", "--timeout", "60s", "--from", fmt.Sprint(len(got)))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var d struct {
			Type   string
			Seq    uint64
			State  string
			Output json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil || d.Type != "datachunk" {
			continue // cut short by the kill, or something else
		}
		if _, twice := got[d.Seq]; twice || d.Seq != uint64(len(got)) || d.State != "valid" {
			t.Errorf("%s: datachunk %d is %s, %d was to come", name, d.Seq, d.State, len(got))
		}
		got[d.Seq] = string(d.Output)
		seen()
	}
	return cmd.Wait() == nil
}
