package gossip

import (
	"slices"
	"testing"
	"time"
)

// cutOff cuts nodes off from everybody else, and from each other.
func (s *sim) cutOff(nodes ...*simNode) {
	s.cut = func(a, b *simNode) bool { return slices.Contains(nodes, a) || slices.Contains(nodes, b) }
}

// Who is cut off from everybody says that it is alone before it says that they
// are dead, and is not alone any more when it hears one.
func TestCutOffIsToldFirst(t *testing.T) {
	s := newSim(t, 5, 1, Options{})
	s.until(time.Minute, "together", s.together)
	s.run(20 * time.Second)
	lost := s.nodes[4]
	began := s.now
	var kinds []Kind
	s.told = func(n *simNode, e Event) {
		switch {
		case n == lost:
			kinds = append(kinds, e.Kind)
		case e.Kind == KindAlone:
			t.Errorf("node %d says that it is alone", n.index)
		}
		if n == lost && e.Kind == KindAlone {
			if e.Peer != lost.self.id || s.now.Sub(began) < 5*time.Second {
				t.Errorf("after %v: %+v", s.now.Sub(began), e)
			}
		}
	}
	s.cutOff(lost)
	all := func(state State) func() bool {
		return func() bool {
			return !slices.ContainsFunc(s.nodes[:4], func(n *simNode) bool { return lost.state(n) != state || n.state(lost) != state })
		}
	}
	took := s.until(10*time.Second, "both sides hold each other for dead", all(Dead))
	t.Logf("after %v", took)
	if want := append([]Kind{KindAlone}, slices.Concat(slices.Repeat([]Kind{KindSuspect}, 4), slices.Repeat([]Kind{KindDead}, 4))...); !slices.Equal(kinds, want) {
		t.Errorf("told %v, want %v", kinds, want)
	}
	lost.core.handle(s.now, newStranger(1).id, &message{Kind: kindProbe})
	if !lost.core.stall.alone {
		t.Error("it is not alone")
	}
	s.cut = nil
	s.until(30*time.Second, "together", all(Live))
	if lost.core.stall.alone {
		t.Error("it is still alone")
	}
}

// A network that stands still for a few seconds costs nobody anything:
// neither a suspicion nor a slower detection later.
func TestStallIsForgiven(t *testing.T) {
	s := newSim(t, 6, 1, Options{})
	s.until(time.Minute, "together", s.together)
	s.run(20 * time.Second)
	stuck := s.nodes[3]
	s.told = func(n *simNode, e Event) {
		if n == stuck && (e.Kind == KindSuspect || e.Kind == KindDead || e.Kind == KindAlone) {
			t.Errorf("%v: told %s", s.now.Sub(s.began), e.Kind)
		}
	}
	for _, d := range []time.Duration{time.Second, 2100 * time.Millisecond, 4 * time.Second, 5 * time.Second} {
		for range 5 {
			stuck.stall(d)
			s.run(d + 15*time.Second)
		}
	}
	s.told = nil
	for _, m := range stuck.members {
		if m != stuck.self && slices.Max(m.detector.intervals) > 3*time.Second {
			t.Errorf("a stall has left samples of %v", slices.Max(m.detector.intervals))
		}
	}
	s.nodes[5].crash()
	if times := s.known(s.nodes[5], time.Minute); times[len(times)-1] > 10*time.Second {
		t.Errorf("a crash is known after %v", times)
	}
}

// All others may have died at once: they are dead within ten seconds. Where
// there is one other only, it is as soon as ever.
func TestAllOthersDie(t *testing.T) {
	for n, limit := range map[int]time.Duration{2: 7 * time.Second, 3: 10 * time.Second, 10: 10 * time.Second} {
		s := newSim(t, n, 1, Options{})
		s.until(time.Minute, "together", s.together)
		s.run(20 * time.Second)
		for _, node := range s.nodes[1:] {
			node.crash()
		}
		took := s.until(limit, "all others are dead", func() bool {
			return !slices.ContainsFunc(s.nodes[1:], func(other *simNode) bool { return s.nodes[0].state(other) != Dead })
		})
		t.Logf("%d: after %v", n, took)
	}
}

// A link that lets something through every few seconds only does not keep
// somebody else alive who has died.
func TestBadLinkKeepsNobodyAlive(t *testing.T) {
	s := newSim(t, 3, 1, Options{})
	s.until(time.Minute, "together", s.together)
	s.run(20 * time.Second)
	watcher, flaky, victim := s.nodes[0], s.nodes[1], s.nodes[2]
	open := false
	s.cut = func(a, b *simNode) bool { return !open && (a == watcher || b == watcher) && (a == flaky || b == flaky) }
	var blink func()
	blink = func() {
		open = true
		s.at(s.now.Add(300*time.Millisecond), func() { open = false })
		s.at(s.now.Add(2800*time.Millisecond), blink)
	}
	blink()
	s.run(time.Minute)
	victim.crash()
	took := s.until(25*time.Second, "the victim is dead", func() bool { return watcher.state(victim) == Dead })
	t.Logf("after %v", took)
	if watcher.of(victim).forgiven > watcher.intervals(aloneAfter) {
		t.Errorf("%v are forgiven", watcher.of(victim).forgiven)
	}
}

// A process that stood still is granted all of it, however long, also when the
// first that it sees is a message and not its clock.
func TestStoppedProcessForgives(t *testing.T) {
	n, others := alone(t, Options{}, 1, 1)
	for range 20 {
		n.sim.now = n.sim.now.Add(time.Second)
		for _, o := range others {
			n.beats(n.sim.now, n.members[o.id], false)
		}
		n.wake(n.sim.now)
	}
	n.sim.now = n.sim.now.Add(time.Hour)
	n.handle(n.sim.now, others[0].id, &message{Kind: kindPush})
	m := n.members[others[1].id]
	if silence := m.detector.silence(n.sim.now); silence > time.Second {
		t.Errorf("%v are held against another", silence)
	}
	before := len(m.detector.intervals)
	n.beats(n.sim.now, m, false)
	if last := m.detector.intervals[before]; last > time.Second {
		t.Errorf("the hour has left a sample of %v", last)
	}
}

// However often everybody but one falls silent, the dead one is found out.
func TestForgivenessEnds(t *testing.T) {
	n, others := alone(t, Options{}, 1, 1, 1)
	dead := n.members[others[1].id]
	for range 20 {
		n.sim.now = n.sim.now.Add(time.Second)
		for _, o := range others {
			n.handle(n.sim.now, o.id, &message{Kind: kindPush})
			n.beats(n.sim.now, n.members[o.id], false)
		}
	}
	for i := range 20 * 9 { // 45 s
		n.sim.now = n.sim.now.Add(time.Second / 4)
		if i%9 == 8 {
			n.handle(n.sim.now, others[0].id, &message{Kind: kindPush})
			n.handle(n.sim.now, others[2].id, &message{Kind: kindPush})
		}
		n.resume(n.sim.now)
		n.check(n.sim.now)
	}
	if dead.state != Dead {
		t.Errorf("it is %s; %v are forgiven", dead.state, dead.forgiven)
	}
	for _, o := range []stranger{others[0], others[2]} {
		if m := n.members[o.id]; !m.state.Alive() {
			t.Errorf("one that speaks is %s", m.state)
		}
	}
}
