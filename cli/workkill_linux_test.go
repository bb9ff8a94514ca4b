package cli_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/work/guesttest"
)

// killUnits is how many units a project has whose hive is killed.
const killUnits = 1000

// killRounds is how many projects are worked on while processes are killed:
// BATCHAIN_KILLS says how many.
func killRounds() int {
	if n, err := strconv.Atoi(os.Getenv("BATCHAIN_KILLS")); err == nil {
		return n
	}
	return 2
}

// killBees and killBeesDown are how many bees there are, each a process, and how
// many of them are killed in a round: a third.
const killBees, killBeesDown = 6, 2

// TestKilledHiveAndBees: real processes on loopback. In every round the hive and a
// third of the bees are killed with SIGKILL, each at its own random moment of the time
// that an undisturbed project takes, and started again. Every unit gets its datachunk,
// each one once and for good, and nobody counts one twice.
func TestKilledHiveAndBees(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: seven processes that are killed again and again")
	}
	f := newFleet(t, 1+killBees)
	if err := os.WriteFile(filepath.Join(f.dir, "pi.wasm"), guesttest.Leibniz(), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &killer{fleet: f, running: slices.Clone(f.nodes)}
	for i, s := range f.nodes {
		if i == killHive {
			continue
		}
		if o := f.run(s.home, nil, nil, "work", "volunteer", "--slots", "1"); o.code != 0 {
			t.Fatalf("volunteer: exit %d", o.code)
		}
	}
	k.round(t, "first", nil) // the bees find the hive, and the module is compiled
	k.round(t, "calm", nil)
	for n := range killRounds() {
		bees := []int{2, 3, 4, 5, 6} // 0 is how the others find each other
		rand.Shuffle(len(bees), func(i, j int) { bees[i], bees[j] = bees[j], bees[i] })
		k.round(t, fmt.Sprint("round", n), append(bees[:killBeesDown], killHive))
	}
	t.Logf("%d rounds, %d units, %d kills, %d of the hive in the middle of its project; %d times the results had to be asked for again",
		killRounds(), killRounds()*killUnits, k.kills, k.midway, k.again)
}

// killHive is the node that is the hive.
const killHive = 1

// killer is a fleet whose nodes are killed, and what came of it.
type killer struct {
	*fleet
	running              []*ship
	span                 time.Duration // of a project without kills
	kills, midway, again int
}

// round works on one project while victims are killed.
func (k *killer) round(t *testing.T, name string, victims []int) {
	t.Helper()
	hive := k.running[killHive].home
	file := filepath.Join(k.dir, name+".toml")
	terms := fmt.Sprintf("name = %q\nmodule = \"pi.wasm\"\ncount = %d\nlease = \"1s\"\n[policy]\nrule = \"quorum\"\n", name, killUnits)
	if err := os.WriteFile(file, []byte(terms), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := k.run(hive, nil, nil, "work", "submit", file); o.code != 0 {
		t.Fatalf("submit: exit %d", o.code)
	}
	var killed sync.WaitGroup
	for _, i := range victims {
		victim := k.running[i].cmd.Process
		killed.Add(1)
		time.AfterFunc(rand.N(k.span), func() {
			defer killed.Done()
			_ = victim.Kill()
		})
	}
	got, began := map[uint64]string{}, time.Now()
	whole := k.collect(t, hive, name, got)
	switch {
	case len(victims) == 0:
		k.span = time.Since(began)
	case !whole:
		k.midway++
	}
	killed.Wait()
	t.Logf("%s: %d of %d datachunks after %v; killed: %v", name, len(got), killUnits, time.Since(began).Round(time.Millisecond), victims)
	for _, i := range victims {
		k.running[i].wait()
		k.launch(i)
		k.running[i] = k.nodes[len(k.nodes)-1]
		k.kills++
	}
	for end := time.Now().Add(2 * time.Minute); !k.collect(t, hive, name, got); k.again++ {
		if time.Now().After(end) {
			t.Fatalf("%s: %d of %d datachunks after two minutes", name, len(got), killUnits)
		}
	}
	k.verify(t, name, got)
}

// verify looks at what came of a project.
func (k *killer) verify(t *testing.T, name string, got map[uint64]string) {
	t.Helper()
	hive := k.running[killHive].home
	for seq := range uint64(killUnits) {
		if got[seq] != fmt.Sprint(leibniz(seq)) {
			t.Errorf("%s: datachunk %d is %q", name, seq, got[seq])
		}
	}
	if all := map[uint64]string{}; !k.collect(t, hive, name, all) || !maps.Equal(all, got) {
		t.Errorf("%s: the datachunks are not what they were", name)
	}
	o := k.run(hive, nil, nil, "work", "show", name)
	if o.result["state"] != "finished" || o.result["made"] != float64(killUnits) || o.result["valid"] != float64(killUnits) {
		t.Errorf("%s: %v", name, o.result)
	}
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
// on, and reports whether it saw the end.
func (f *fleet) collect(t *testing.T, home, name string, got map[uint64]string) (all bool) {
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
	}
	return cmd.Wait() == nil
}
