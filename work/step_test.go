package work

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"
)

// look believes everybody alike, and knows the outputs that are JSON numbers.
func look(now int64, trust float64) Look {
	return Look{
		Now:    now,
		Trust:  func(peer.ID) float64 { return trust },
		Output: func(d Digest) ([]byte, error) { return fmt.Append(nil, d[0]), nil },
	}
}

func terms(p Policy) *Project {
	t := Project{Name: "test", Policy: p, Lease: time.Second, Deadline: 10 * time.Second}.WithDefaults()
	return &t
}

func member(n int) Member { return Member{Peer: peer.ID(fmt.Sprint("bee", n))} }

func mustStep(t rapid.TB, p *Project, g *Group, now int64) Decision {
	t.Helper()
	d, err := Step(&p.Policy, g, look(now, 0.9))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Whatever happens to a group, in whatever order: no bee has two attempts, no
// more are wanted than may be, what has ended stays as it is, an answer that
// counts was given, stepping twice is stepping once; and a group whose bees
// answer alike ends.
func TestStepProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := terms(Policy{
			Rule:     Rule(rapid.IntRange(int(Credible), int(Median)).Draw(t, "rule")),
			GroupMax: uint16(rapid.IntRange(1, 5).Draw(t, "group")),
			Quorum:   uint16(rapid.IntRange(1, 4).Draw(t, "quorum")),
			Attempts: 12, Errors: 3,
		})
		g := &Group{State: Open}
		now, given := int64(1000), map[Digest]bool{}
		d := mustStep(t, p, g, now)
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now += int64(rapid.IntRange(0, 1500).Draw(t, "pass"))
			n := rapid.IntRange(0, 15).Draw(t, "bee")
			at := -1
			for i := range g.Attempts {
				if g.Attempts[i].Peer == member(n).Peer {
					at = i
				}
			}
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0, 1:
				if g.State == Open && d.Need > 0 && g.Admits(member(n), &p.Policy) {
					g.Lease(member(n), p, now)
				}
			case 2, 3:
				if at >= 0 && g.State == Open {
					digest := Digest{byte(rapid.IntRange(1, 2).Draw(t, "answer"))}
					if g.Answer(at, digest, 0, now) == nil {
						given[digest] = true
					}
				}
			case 4:
				if at >= 0 && g.State == Open {
					g.End(at, Erred, "trap", now)
				}
			case 5:
				if at >= 0 && g.State == Open {
					g.Renew(at, p, 10, now)
				}
			}
			final := g.State > Validating
			before := fmt.Sprint(*g)
			d = mustStep(t, p, g, now)
			if final && fmt.Sprint(*g) != before {
				t.Fatalf("a group that had ended changed from %s to %v", before, *g)
			}
			checkGroup(t, p, g, d, given)
			before = fmt.Sprint(*g)
			if again := mustStep(t, p, g, now); fmt.Sprint(*g) != before || (g.State == Open && again.Need != d.Need) {
				t.Fatalf("stepped twice: %+v after %+v", again, d)
			}
		}
	})
}

func checkGroup(t *rapid.T, p *Project, g *Group, d Decision, given map[Digest]bool) {
	t.Helper()
	seen, active, used := map[peer.ID]bool{}, 0, 0
	for i := range g.Attempts {
		a := &g.Attempts[i]
		if seen[a.Peer] {
			t.Fatalf("%s is twice in %+v", a.Peer, g.Attempts)
		}
		seen[a.Peer] = true
		if a.Active() {
			active++
		}
		if a.State != Returned {
			used++
		}
	}
	if d.Need < 0 || used+d.Need > int(p.Policy.Attempts) {
		t.Fatalf("%d more are wanted after %d of %d", d.Need, used, p.Policy.Attempts)
	}
	if active > 0 && g.State > Validating {
		t.Fatalf("the group is %v, and bees are at it", g.State)
	}
	if g.State == Open && active == 0 && d.Need == 0 {
		t.Fatalf("nothing is wanted, nobody is at it, and it is open: %+v", *g)
	}
	if active > 0 && d.Next == 0 {
		t.Fatal("leases are out, and nobody will look at them")
	}
	if g.State == Valid && d.Output == nil && len(d.Passed)+len(d.Taken) > 0 && !given[d.Digest] {
		t.Fatalf("%x is believed, and nobody gave it", d.Digest[:2])
	}
}

// Bees that all say the same are believed, by every rule, after as many as the
// rule asks for.
func TestHonestGroupsEnd(t *testing.T) {
	tests := map[Rule]int{Credible: 2, Equal: 4, Majority: 3, Quorum: 3, Tolerance: 3, Mean: 4, Median: 4}
	for rule, want := range tests {
		p := terms(Policy{Rule: rule, GroupMax: 4, Quorum: 3})
		g := &Group{State: Open}
		n := 0
		for d := mustStep(t, p, g, 0); d.Need > 0; d = mustStep(t, p, g, int64(n)) {
			at := g.Lease(member(n), p, int64(n))
			if err := g.Answer(at, Digest{7}, 0, int64(n)); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if g.State != Valid || n != want {
			t.Errorf("rule %d: %v after %d answers, want %d", rule, g.State, n, want)
		}
	}
}

// The life of an attempt, event by event.
func TestAttempt(t *testing.T) {
	p := terms(Policy{Rule: Quorum, Quorum: 2})
	g := &Group{State: Open}
	n := g.Lease(member(1), p, 0)
	is := func(want AttemptState) {
		t.Helper()
		if got := g.Attempts[n].State; got != want {
			t.Fatalf("the attempt is %v, want %v", got, want)
		}
	}
	is(Leased)
	if !g.Renew(n, p, 2000, 900) || g.Attempts[n].Progress != 1000 {
		t.Fatal("the heartbeat was not heard")
	}
	is(Running)
	if d := mustStep(t, p, g, 1899); d.Next != 1900 {
		t.Fatalf("the lease ends at %d, want 1900", d.Next)
	}
	if d := mustStep(t, p, g, 1900); len(d.Expired) != 1 || d.Need != 2 {
		t.Fatalf("%+v after the lease", d)
	}
	is(Expired)
	if err := g.Answer(n, Digest{1}, 5, 2500); err != nil {
		t.Fatal(err)
	}
	is(Late) // and it counts
	if err := g.Answer(n, Digest{1}, 5, 2600); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := g.Answer(n, Digest{2}, 5, 2600); !errors.Is(err, ErrResultChanged) {
		t.Errorf("another answer: %v", err)
	}
	if d := mustStep(t, p, g, 2600); d.Need != 1 {
		t.Errorf("%d more are wanted, want 1", d.Need)
	}
	other := g.Lease(member(2), p, 2600)
	if err := g.Answer(other, Digest{1}, 5, 2700); err != nil {
		t.Fatal(err)
	}
	if d := mustStep(t, p, g, 2700); g.State != Valid || len(d.Passed) != 2 {
		t.Errorf("%v, %+v", g.State, d)
	}
	is(Right)
}

func TestDeadlineEndsWhatIsRenewed(t *testing.T) {
	p := terms(Policy{})
	g := &Group{State: Open}
	n := g.Lease(member(1), p, 0)
	for at := int64(0); at < 9500; at += 500 {
		if !g.Renew(n, p, 1, at) {
			t.Fatalf("told to stop at %d", at)
		}
		mustStep(t, p, g, at)
	}
	if d := mustStep(t, p, g, 10_000); len(d.Expired) != 1 {
		t.Errorf("%+v at the deadline", d)
	}
	if g.Renew(n, p, 1, 10_001) {
		t.Error("a heartbeat after the deadline counts")
	}
}

func TestNoLeaseWithoutOne(t *testing.T) {
	p := terms(Policy{})
	p.Lease = -1
	g := &Group{State: Open}
	g.Lease(member(1), p, 0)
	if d := mustStep(t, p, g, 9999); len(d.Expired) > 0 || d.Next != 10_000 {
		t.Errorf("%+v; only the deadline may end it", d)
	}
}

// Who may share a group.
func TestAdmits(t *testing.T) {
	p := terms(Policy{Networks: 2})
	g := &Group{State: Open}
	a := Member{Peer: "a", Owner: []byte("ann"), Network: []byte("10.0.0")}
	g.Lease(a, p, 0)
	g.Lease(Member{Peer: "b", Network: []byte("10.0.0")}, p, 0)
	tests := []struct {
		name string
		m    Member
		want bool
	}{
		{"another peer", Member{Peer: "c"}, true},
		{"the same peer", Member{Peer: "a"}, false},
		{"another peer of the same owner", Member{Peer: "c", Owner: []byte("ann")}, false},
		{"another owner", Member{Peer: "c", Owner: []byte("bob")}, true},
		{"the third of a network", Member{Peer: "c", Network: []byte("10.0.0")}, false},
		{"another network", Member{Peer: "c", Network: []byte("10.0.1")}, true},
	}
	for _, test := range tests {
		if got := g.Admits(test.m, &p.Policy); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	mustStep(t, p, g, 5000) // both leases end
	if !g.Admits(a, &p.Policy) {
		t.Error("who let its lease go by may not take it up again")
	}
	if n := g.Lease(a, p, 5000); n != 0 || len(g.Attempts) != 2 {
		t.Errorf("it has attempt %d of %d, want the one that it had", n, len(g.Attempts))
	}
	if !g.Admits(Member{Peer: "c", Network: []byte("10.0.0")}, &p.Policy) {
		t.Error("an expired attempt still fills its network's place")
	}
}

func TestGroupFails(t *testing.T) {
	p := terms(Policy{Rule: Equal, GroupMax: 2, Attempts: 6, Errors: 3})
	t.Run("by errors of the program", func(t *testing.T) {
		g := &Group{State: Open}
		for n := range 3 {
			g.End(g.Lease(member(n), p, 0), Erred, "unreachable", 1)
		}
		mustStep(t, p, g, 2)
		if g.State != Failed || g.Reason != "the program failed in 3 bees: unreachable" {
			t.Errorf("%v: %s", g.State, g.Reason)
		}
	})
	t.Run("without agreement", func(t *testing.T) {
		g := &Group{State: Open}
		for n := range 6 {
			if d := mustStep(t, p, g, 0); d.Need == 0 {
				t.Fatalf("nothing more is wanted after %d", n)
			}
			if err := g.Answer(g.Lease(member(n), p, 0), Digest{byte(n)}, 0, 1); err != nil {
				t.Fatal(err)
			}
		}
		mustStep(t, p, g, 2)
		if g.State != Failed || g.Reason != "no agreement after 6 attempts" {
			t.Errorf("%v: %s", g.State, g.Reason)
		}
	})
}

// An equal group that did not agree asks others; who was wrong then is caught
// once the answer is known.
func TestDisagreementIsBlamedLater(t *testing.T) {
	p := terms(Policy{Rule: Equal, GroupMax: 2})
	g := &Group{State: Open}
	for n, answer := range []byte{1, 2, 1, 1} {
		if g.Admits(member(0), &p.Policy) && n > 0 {
			t.Fatal("a member of the group before may come again")
		}
		mustStep(t, p, g, 0)
		if err := g.Answer(g.Lease(member(n), p, 0), Digest{answer}, 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	d := mustStep(t, p, g, 2)
	if g.State != Valid || len(d.Caught) != 1 || d.Caught[0] != member(1).Peer || len(d.Passed) != 3 {
		t.Errorf("%v: passed %v, caught %v", g.State, d.Passed, d.Caught)
	}
}
