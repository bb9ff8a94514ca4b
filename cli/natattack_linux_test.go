package cli_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// What a relay under attack must hold.
const (
	maxRelayMemory = 128 << 20 // resident bytes
	maxSlowdown    = 1.5       // of its own put
)

// A relay that is asked for 10,000 circuits in a minute stays small, while it puts
// as well, and a put of its own is not much slower than without that, in the same run.
func TestNATRelayUnderAttack(t *testing.T) {
	l := newLand(t, "--relay", "off")
	relay := l.node(l.site(natlab.None, 1).Machines[0], "--relay", "on")
	hosts := []*natlab.Node{l.node(l.site(natlab.None, 1).Machines[0], "--relay", "off"), l.node(l.site(natlab.None, 1).Machines[0], "--relay", "off")}
	target := l.node(l.site(natlab.Symmetric, 1).Machines[0], "--no-mdns")
	l.until(time.Minute, "the target has a reservation", func() bool {
		_, lines, err := target.Command(t.Context(), "status")
		return err == nil && strings.Contains(fmt.Sprint(lines[0]["reach"]), relay.PeerID)
	})
	path := l.file("own", 32<<20)
	put := func() time.Duration {
		line := l.begin(relay, "put", path, "--keepers", "0", "--scheme", "1+1", "--host", hosts[0].PeerID, "--host", hosts[1].PeerID)(0)
		return time.Duration(line["seconds"].(float64) * float64(time.Second))
	}
	put() // the first one is slower: of what the program does for the first time
	before := memory(t, relay.Pid())
	attack := l.attack(relay, target)
	var calm, attacked []time.Duration
	var alone, putting int64
	for range 5 {
		calm = append(calm, put())
		alone = max(alone, memory(t, relay.Pid()))
		attack.say(t, "go")
		attacked = append(attacked, put())
		putting = max(putting, memory(t, relay.Pid()))
		attack.say(t, "stop")
	}
	attack.say(t, "go")
	select {
	case <-time.After(attackTime):
	case <-t.Context().Done():
	}
	most := memory(t, relay.Pid())
	t.Log(attack.end(t))
	slices.Sort(calm)
	slices.Sort(attacked)
	ratio := attacked[2].Seconds() / calm[2].Seconds()
	t.Logf("resident at most: %d MiB at first, %d MiB in a put, %d MiB in a put under attack, %d MiB under attack; a put of its own takes %s, and %s under attack: %.2f",
		before>>20, alone>>20, putting>>20, most>>20, calm[2], attacked[2], ratio)
	if most = max(most, putting); most > maxRelayMemory {
		t.Errorf("the relay has %d MiB", most>>20)
	}
	if ratio > maxSlowdown {
		t.Errorf("its own put takes %.2f of the time: %v, %v", ratio, calm, attacked)
	}
}

// memory is how many resident bytes a process had at most since it was asked last.
func memory(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o200); err != nil {
		t.Fatal(err) // 5 begins the peak anew
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// attack is attackers on several machines, processes of their own.
type attack struct {
	words []io.WriteCloser
	ends  []chan string
}

// attack starts the attackers and returns when they are connected. They do nothing
// until they are told to.
func (l *land) attack(relay, target *natlab.Node) *attack {
	l.t.Helper()
	a := &attack{}
	for _, m := range l.site(natlab.None, attackMachines).Machines {
		cmd := m.Command(l.t.Context(), l.prog, outside(relay), target.PeerID)
		cmd.Env = append(os.Environ(), attackerEnv+"=1")
		cmd.Stderr = os.Stderr
		in, errIn := cmd.StdinPipe()
		out, errOut := cmd.StdoutPipe()
		if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
			l.t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if line, err := lines.ReadString('\n'); err != nil {
			l.t.Fatalf("an attacker does not start: %q, %v", line, err)
		}
		end := make(chan string, 1)
		go func() {
			line, _ := lines.ReadString('\n')
			end <- strings.TrimSpace(line)
			_ = cmd.Wait()
		}()
		a.words, a.ends = append(a.words, in), append(a.ends, end)
	}
	return a
}

// say tells all attackers to go or to stop.
func (a *attack) say(t *testing.T, word string) {
	t.Helper()
	for _, w := range a.words {
		if _, err := fmt.Fprintln(w, word); err != nil {
			t.Fatal(err)
		}
	}
}

// end ends the attackers and returns what they did.
func (a *attack) end(t *testing.T) (said []string) {
	t.Helper()
	for i, w := range a.words {
		_ = w.Close()
		said = append(said, <-a.ends[i])
	}
	return said
}
