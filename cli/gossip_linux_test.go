package cli_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// states are the states in which a node sees the other members.
func (f *fleet) states(of *ship) map[string]string {
	f.b.Helper()
	out, err := f.command(of.home, "peers", "--json").Output()
	if err != nil {
		return nil
	}
	states := map[string]string{}
	for line := range strings.Lines(string(out)) {
		var p struct {
			PeerID string  `json:"peer_id"`
			State  string  `json:"state"`
			AgeS   float64 `json:"age_s"`
		}
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			f.b.Fatalf("line %q: %v", line, err)
		}
		if p.AgeS >= 0 {
			states[p.PeerID] = p.State
		}
	}
	return states
}

// see waits until every watcher sees a member in one of the states, and tells
// how long that took.
func (f *fleet) see(limit time.Duration, watchers []*ship, member string, states ...string) time.Duration {
	f.b.Helper()
	began := time.Now()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for _, w := range watchers {
		for !slices.Contains(states, f.states(w)[member]) {
			if time.Since(began) > limit {
				f.b.Fatalf("after %s a node sees %s as %q, not %v", limit, member, f.states(w)[member], states)
			}
			<-look.C
		}
	}
	return time.Since(began)
}

func (s *ship) id() string { return s.addr[strings.LastIndex(s.addr, "/")+1:] }

// TestKilledAndFrozenProcessesAreNoticed: real processes on loopback. One that
// is killed is dead to all within 15 s; one that is frozen too, and lives again
// when it goes on; one that comes back with an empty home under its key is heard.
func TestKilledAndFrozenProcessesAreNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: six processes and a minute")
	}
	f := newFleet(t, 6)
	for _, s := range f.nodes {
		for _, other := range f.nodes {
			if other != s {
				f.see(30*time.Second, []*ship{s}, other.id(), "live")
			}
		}
	}
	if err := f.command(f.nodes[0].home, "gossip", "watch", "--timeout", "8s").Run(); err != nil { // until there are heartbeats enough to judge silence by
		t.Fatal(err)
	}
	frozen, killed, rest := f.nodes[4], f.nodes[5], f.nodes[:4]

	if err := killed.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.wait()
	t.Logf("killed: dead to all after %s", f.see(15*time.Second, f.nodes[:5], killed.id(), "dead"))

	if err := frozen.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Logf("frozen: suspect or dead after %s", f.see(15*time.Second, rest[:1], frozen.id(), "suspect", "dead"))
	t.Logf("frozen: dead to all after %s", f.see(15*time.Second, rest, frozen.id(), "dead"))
	if err := frozen.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	t.Logf("goes on: live to all after %s", f.see(20*time.Second, rest, frozen.id(), "live"))

	key, err := os.ReadFile(killed.home + "/identity.key")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(killed.home); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(killed.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(killed.home+"/identity.key", key, 0o600); err != nil {
		t.Fatal(err)
	}
	f.launch(5)
	t.Logf("with an empty home: live to all after %s", f.see(20*time.Second, rest, killed.id(), "live"))
}
