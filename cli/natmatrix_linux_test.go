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

// directTime is how long a pair may take to have a direct connection.
const directTime = 10 * time.Second

// reachable says whether a pair must end on a direct connection. A NAT that takes
// a port for each destination needs the other side to be open, and so does one
// that lets no UDP through.
func reachable(owner, host natlab.Kind) bool {
	open := func(k natlab.Kind) bool { return k == natlab.None || k == natlab.UPnP }
	hard := func(k natlab.Kind) bool { return k == natlab.Symmetric || k == natlab.NoUDP }
	return open(owner) || open(host) || !hard(owner) && !hard(host)
}

// Every pair of kinds ends on a direct connection, but those that cannot, of which
// one try is enough. A pair alone: -run 'TestNATMatrix/double_to_upnp$'.
func TestNATMatrix(t *testing.T) {
	l := newLand(t)
	owners, hosts, cells := map[natlab.Kind]*natlab.Node{}, map[natlab.Kind]*resident{}, map[[2]natlab.Kind]cell{}
	for _, from := range natlab.Kinds {
		for _, to := range natlab.Kinds {
			t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
				if owners[from] == nil {
					owners[from] = l.node(l.site(from, 1).Machines[0], "--no-mdns")
				}
				if hosts[to] == nil {
					hosts[to] = &resident{land: l, kind: to, machine: l.site(to, 1).Machines[0]}
				}
				tries := 1
				if reachable(from, to) {
					tries = natTries()
				}
				cell := l.pair(t, owners[from], hosts[to], tries)
				cells[[2]natlab.Kind{from, to}] = cell
				t.Log(cell)
				if cell.direct < tries && reachable(from, to) {
					t.Error("not every try ended on a direct connection")
				}
			})
		}
	}
	t.Log(table(cells))
}

// table is the matrix as text.
func table(cells map[[2]natlab.Kind]cell) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-12s", "owner\\host")
	for _, to := range natlab.Kinds {
		fmt.Fprintf(&b, "%-22s", to)
	}
	for _, from := range natlab.Kinds {
		fmt.Fprintf(&b, "\n%-12s", from)
		for _, to := range natlab.Kinds {
			fmt.Fprintf(&b, "%-22s", cells[[2]natlab.Kind{from, to}])
		}
	}
	return b.String()
}

// resident is a host that is started anew for each try, with the same identity.
type resident struct {
	*land
	kind    natlab.Kind
	machine *natlab.Machine
	home    string
	now     *natlab.Node
}

func (r *resident) restart() {
	if r.now != nil {
		if err := r.now.Stop(); err != nil {
			r.t.Error(err)
		}
	}
	if r.home == "" {
		r.next++
		r.home = filepath.Join(r.dir, fmt.Sprint("node", r.next))
	}
	r.now = r.nodeAt(r.machine, r.home, "--no-mdns")
	if r.kind == natlab.UPnP {
		r.until(mappingTime, "its gate maps a port", r.mapped)
	}
}

// mappingTime is how long the gate's port mapping may take after the start. Until then
// it is a NAT as another.
const mappingTime = 20 * time.Second

func (r *resident) mapped() bool {
	_, lines, err := r.now.Command(r.t.Context(), "status")
	return err == nil && strings.Contains(fmt.Sprint(lines[0]["reach"]), "mapped:")
}

// cell is how the tries of one pair went.
type cell struct {
	tries, direct int
	slowest       time.Duration // of the direct ones
	how           string
}

func (c cell) String() string {
	if c.tries == 0 {
		return ""
	}
	if c.direct == 0 {
		return fmt.Sprintf("0/%d", c.tries)
	}
	return fmt.Sprintf("%d/%d %s %.1fs", c.direct, c.tries, c.how, c.slowest.Seconds())
}

// pair has an owner put a file to a host, which it has not met since it started. Of
// a try that does not end on a direct connection it tells what was tried.
func (l *land) pair(t *testing.T, owner *natlab.Node, host *resident, tries int) cell {
	c := cell{tries: tries}
	for range tries {
		host.restart()
		took, how := l.direct(owner, host.now)
		if how == "" {
			t.Logf("not direct after %s: %v", took.Round(time.Millisecond), l.peer(owner, host.now))
			continue
		}
		c.direct++
		c.slowest, c.how = max(c.slowest, took), how
	}
	return c
}

// direct puts a small file until it is on the host, and returns how the owner
// reaches it then; "" when it is not directly, or took longer than it may.
func (l *land) direct(owner, host *natlab.Node) (time.Duration, string) {
	path := filepath.Join(l.dir, "small")
	if err := os.WriteFile(path, []byte(strings.Repeat("batchain", 30_000)), 0o600); err != nil {
		l.t.Fatal(err)
	}
	began := time.Now()
	for code := 1; code != 0; {
		var err error
		if code, _, err = owner.Command(l.t.Context(), "put", path, "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0"); err != nil {
			l.t.Fatal(err)
		}
		if took := time.Since(began); took > directTime {
			return took, ""
		}
	}
	took := time.Since(began)
	_, peers, err := owner.Command(l.t.Context(), "peers")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range peers {
		if p["peer_id"] == host.PeerID && p["path"] == "direct" {
			return took, fmt.Sprint(p["how"])
		}
	}
	return took, ""
}
