package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// Where no direct way is, a relay with a budget carries the shards; one without
// is no way, and the host is passed over in time.
func TestNATRelay(t *testing.T) {
	l := newLand(t)
	owner := l.node(l.site(natlab.Symmetric, 1).Machines[0], "--no-mdns")
	host := l.node(l.site(natlab.Symmetric, 1).Machines[0], "--no-mdns")
	path := l.file("file", 3<<20)
	began := time.Now()
	if code, _, err := owner.Command(t.Context(), "put", path, "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0"); code != 6 || err != nil {
		t.Errorf("without a relay that carries: exit %d, %v", code, err)
	}
	if took := time.Since(began); took > directTime {
		t.Errorf("the host was passed over after %s", took)
	}
	l.relay("100MB")
	l.until(time.Minute, "the file goes over the relay", func() bool {
		code, _, err := owner.Command(t.Context(), "put", path, "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0")
		return code == 0 && err == nil
	})
	if p := l.peer(owner, host); p["path"] != "relayed" {
		t.Errorf("the host is reached so: %v", p)
	}
	if code, _, err := owner.Command(t.Context(), "get", "file", "-o", path+".back"); code != 0 || err != nil {
		t.Errorf("get: exit %d, %v", code, err)
	}
	l.same(path, path+".back")
}

// A put whose relay dies in the middle goes on over another; a get from the only
// holder says that the same command goes on later, and it does.
func TestNATRelayDies(t *testing.T) {
	l := newLand(t, "--relay", "off")
	relays := map[string]*natlab.Node{}
	for range 2 {
		r := l.relay("1GB")
		relays[r.PeerID] = r
	}
	home := l.site(natlab.Symmetric, 1)
	owner := l.node(home.Machines[0], "--no-mdns")
	host := l.node(l.site(natlab.Symmetric, 1).Machines[0], "--no-mdns")
	to := []string{"--host", host.PeerID, "--keepers", "0", "--scheme", "1+0"}
	l.until(time.Minute, "the host is reached over a relay", func() bool {
		code, _, err := owner.Command(t.Context(), append([]string{"put", l.file("first", 1<<20)}, to...)...)
		return code == 0 && err == nil
	})
	if err := home.Rate(40); err != nil {
		t.Fatal(err)
	}
	path := l.file("file", 40<<20)
	// kill ends the relay that is in use without a word, and starts it again later.
	kill := func() (again func()) {
		via, _ := l.peer(owner, host)["via"].(string)
		r := relays[via]
		if r == nil {
			t.Fatalf("the host is reached so: %v", l.peer(owner, host))
		}
		if err := r.Kill(); err != nil {
			t.Fatal(err)
		}
		t.Log("killed", via)
		return func() { relays[via] = l.again(r, "--relay", "on", "--no-storage", "--no-mdns") }
	}
	put := l.begin(owner, append([]string{"put", path}, to...)...)
	l.until(time.Minute, "a quarter is there", func() bool { return l.used(host) > 10<<20 })
	again := kill()
	line := put(0)
	if sent := line["bytes_sent"].(float64); sent > 40<<20+2*(16<<20) {
		t.Errorf("%.0f bytes were sent", sent)
	}
	again()
	l.until(3*time.Minute, "the host has both relays again", func() bool {
		_, lines, err := host.Command(t.Context(), "status")
		said := fmt.Sprint(lines[0]["reach"])
		for id := range relays {
			if err != nil || !strings.Contains(said, id) {
				return false
			}
		}
		return true
	})
	_ = l.begin(owner, "get", "file", "-o", path+".back") // which ends: its only holder cannot be reached
	l.until(time.Minute, "a part has come", func() bool {
		_, err := os.Stat(path + ".back.batchain-part")
		return err == nil
	})
	kill()
	l.until(2*time.Minute, "the same command goes on over the other relay", func() bool {
		code, _, err := owner.Command(t.Context(), "get", "file", "-o", path+".back")
		return code == 0 && err == nil
	})
	l.same(path, path+".back")
}

// A relay that dies and is the only one costs the hosts that need it and nothing
// more: the others take their part.
func TestNATOnlyRelayDies(t *testing.T) {
	l := newLand(t, "--relay", "off")
	relay := l.relay("1GB")
	home := l.site(natlab.Symmetric, 1)
	owner := l.node(home.Machines[0], "--no-mdns")
	host := l.node(l.site(natlab.Symmetric, 1).Machines[0], "--no-mdns")
	for range 3 {
		l.node(l.site(natlab.None, 1).Machines[0], "--no-mdns", "--relay", "off")
	}
	reached := func() {
		l.until(time.Minute, "the host is reached over a relay", func() bool {
			code, _, err := owner.Command(t.Context(), "put", l.file("first", 1<<20), "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0")
			return code == 0 && err == nil
		})
	}
	kill := func() {
		if err := relay.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	reached()
	if err := home.Rate(40); err != nil {
		t.Fatal(err)
	}
	one, other, before := l.file("one", 20<<20), l.file("other", 20<<20), l.used(host)
	put := l.begin(owner, "put", one, "--keepers", "0", "--scheme", "2+3")
	put(0)
	if l.used(host) == before {
		t.Error("the host has no part of it")
	}
	get := l.begin(owner, "get", "one", "-o", one+".back")
	l.until(time.Minute, "a part has come", func() bool {
		_, err := os.Stat(one + ".back.batchain-part")
		return err == nil
	})
	kill()
	get(0)
	l.same(one, one+".back")
	relay = l.again(relay, "--relay", "on", "--no-storage", "--no-mdns")
	reached()
	before = l.used(l.hub)
	put = l.begin(owner, "put", other, "--keepers", "0", "--scheme", "2+2")
	l.until(time.Minute, "it is under way", func() bool { return l.used(l.hub) > before })
	kill()
	put(0)
	l.begin(owner, "get", "other", "-o", other+".back")(0)
	l.same(other, other+".back")
}

// relay starts a relay with a budget.
func (l *land) relay(bytes string) *natlab.Node {
	l.t.Helper()
	l.next++
	home := filepath.Join(l.dir, fmt.Sprint("node", l.next))
	if err := os.Mkdir(home, 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "config.toml"), fmt.Appendf(nil, "relay-bytes = %q\n", bytes), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return l.nodeAt(l.site(natlab.None, 1).Machines[0], home, "--relay", "on", "--no-storage", "--no-mdns")
}

// begin runs a command. What it returns waits for its end, checks the exit code
// and returns the last line.
func (l *land) begin(n *natlab.Node, args ...string) func(want int) map[string]any {
	type result struct {
		code  int
		lines []map[string]any
		err   error
	}
	done := make(chan result, 1)
	began := time.Now()
	go func() {
		code, lines, err := n.Command(l.t.Context(), args...)
		done <- result{code, lines, err}
	}()
	return func(want int) map[string]any {
		l.t.Helper()
		r := <-done
		if r.err != nil || r.code != want || len(r.lines) == 0 {
			l.t.Fatalf("%v: exit %d, want %d, %v, %v", args, r.code, want, r.lines, r.err)
		}
		l.t.Logf("%s took %s", args[0], time.Since(began).Round(time.Millisecond))
		return r.lines[len(r.lines)-1]
	}
}
