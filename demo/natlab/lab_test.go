package natlab

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func newLab(t *testing.T) *Lab {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip("SKIPPED: ", err)
	}
	l, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *Lab) mustSite(t *testing.T, k Kind, machines int) *Site {
	t.Helper()
	s, err := l.Site(k, machines)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each kind does to addresses and ports what it says.
func TestKindsAreWhatTheySay(t *testing.T) {
	l := newLab(t)
	a := l.mustSite(t, None, 1).Machines[0].observer(t)
	b := l.mustSite(t, None, 1).Machines[0].observer(t)
	for _, k := range Kinds {
		if _, err := exec.LookPath("miniupnpd"); k == UPnP && err != nil {
			t.Log("SKIPPED: upnp:", err)
			continue
		}
		s := l.mustSite(t, k, 2)
		seen := s.Machines[1].seen(t, a, b)
		outside := s.Outside().String()
		if k == None {
			outside = s.Machines[1].Addr.String()
		}
		kept := "udp " + outside + ":4000"
		for i, line := range seen {
			udp := i%2 == 0
			switch {
			case udp && k == NoUDP:
				check(t, k, line == "udp nothing", line)
			case udp && k == Symmetric:
				check(t, k, strings.HasPrefix(line, "udp "+outside) && line != kept, line)
			case udp:
				check(t, k, line == kept, line)
			default:
				check(t, k, strings.HasPrefix(line, "tcp "+outside+":"), line)
			}
		}
		check(t, k, (seen[0] == seen[2]) == (k != Symmetric), strings.Join(seen, ", "))
	}
}

func check(t *testing.T, k Kind, holds bool, seen string) {
	t.Helper()
	if !holds {
		t.Errorf("%s: seen as %s", k, seen)
	}
}

// What comes unasked does not pass, neither to machines nor to the gate.
func TestGatesLetInNothingUnasked(t *testing.T) {
	l := newLab(t)
	public := l.mustSite(t, None, 1).Machines[0]
	s := l.mustSite(t, Preserving, 1)
	s.Machines[0].observer(t)
	for _, line := range public.seen(t, s.Outside().String()+":9000") {
		check(t, s.Kind, strings.HasSuffix(line, "nothing"), line)
	}
}

func TestMovedSitesHaveAnotherAddress(t *testing.T) {
	l := newLab(t)
	a := l.mustSite(t, None, 1).Machines[0].observer(t)
	s := l.mustSite(t, Preserving, 1)
	before := s.Outside()
	if err := s.Move(); err != nil {
		t.Fatal(err)
	}
	seen := s.Machines[0].seen(t, a)
	check(t, s.Kind, s.Outside() != before && seen[0] == "udp "+s.Outside().String()+":4000", seen[0])
}

// Nothing in a lab reaches this machine or the world.
func TestNoWayOut(t *testing.T) {
	l := newLab(t)
	l.mustSite(t, Double, 1)
	for _, dst := range []string{"192.0.2.1", "1.1.1.1"} {
		if out, err := exec.Command("ip", "-n", l.full(backbone), "route", "get", dst).CombinedOutput(); err == nil {
			t.Errorf("the router knows a way to %s: %s", dst, out)
		}
	}
	if _, err := net.InterfaceByName("site1"); err == nil {
		t.Error("an interface of the lab is outside of it")
	}
}

// A lab whose process died is removed by the next one, one that lives is not.
func TestCrashedLabsAreRemoved(t *testing.T) {
	l := newLab(t)
	gone := exec.Command(os.Args[0], "-test.run=^$")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dead := &Lab{pid: gone.Process.Pid, stop: func() {}}
	if err := dead.space("x"); err != nil {
		t.Fatal(err)
	}
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), dead.full("x")) {
		t.Error("the lab of a dead process is still there")
	}
	if !strings.Contains(string(out), l.full(backbone)) {
		t.Error("a lab that is in use was removed")
	}
}
