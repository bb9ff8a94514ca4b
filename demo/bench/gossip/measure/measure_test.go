package measure

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// story is a journal written by hand: the steps of a plan and what was believed
// meanwhile.
type story struct {
	plan   plan.Plan
	events []journal.Event
}

func (s *story) step(at float64, step plan.Step) {
	s.events = append(s.events, journal.Event{At: at, Kind: journal.Step, Step: len(s.plan.Steps)})
	s.plan.Steps = append(s.plan.Steps, step)
}

func (s *story) mark(at float64, name string) { s.step(at, plan.Step{Do: plan.Mark, Name: name}) }

func (s *story) add(at float64, kind journal.Kind, node, peer int) {
	s.events = append(s.events, journal.Event{At: at, Kind: kind, Node: node, Peer: peer})
}

func (s *story) value(at float64, node, peer int, value string) {
	s.events = append(s.events, journal.Event{At: at, Kind: journal.Value, Node: node, Peer: peer, Key: plan.Status, Value: value})
}

// joined is a story of three nodes that know each other after 400 ms.
func joined(name string) *story {
	s := &story{plan: plan.Plan{Name: name, Nodes: 3}}
	s.mark(0, "join")
	at := 0.0
	for node := range 3 {
		for peer := range 3 {
			if node != peer {
				s.add(at, journal.Live, node, peer)
				at += 80
			}
		}
	}
	return s
}

func expect(t *testing.T, got Values, want Values) {
	t.Helper()
	for name, w := range want {
		g, there := got[name]
		if !there || math.Abs(float64(g-w)) > 1e-9 && g != w {
			t.Errorf("%s is %v (there: %v), not %v", name, g, there, w)
		}
	}
}

func TestCrash(t *testing.T) {
	s := joined("crash")
	s.add(5000, journal.Dead, 1, 2)
	s.add(6000, journal.Live, 1, 2)
	s.step(10_000, plan.Step{Do: plan.Crash, Node: 2})
	s.add(16_000, journal.Dead, 0, 2)
	s.add(18_000, journal.Dead, 1, 2)
	s.mark(100_000, "return")
	s.add(101_000, journal.Live, 0, 2)
	s.add(104_000, journal.Live, 1, 2)
	s.step(200_000, plan.Step{Do: plan.Crash, Node: 2})
	s.add(209_000, journal.Dead, 1, 2)
	s.mark(900_000, "end")
	expect(t, Of(s.plan, s.events), Values{
		"detect_first": 6, "detect_median": 8, "detect_last": 8, "return": 4, "again_median": figure.Never, "again_last": figure.Never,
	})
}

// Whoever holds a node dead before it dies knows at once, and whoever never
// noticed that it was gone knows at once that it is back.
func TestCrashOfAPresumedDead(t *testing.T) {
	s := joined("crash")
	s.add(5000, journal.Dead, 0, 2)
	s.step(10_000, plan.Step{Do: plan.Crash, Node: 2})
	s.mark(100_000, "return")
	s.add(101_000, journal.Live, 0, 2)
	s.step(200_000, plan.Step{Do: plan.Crash, Node: 2})
	s.add(201_000, journal.Dead, 0, 2)
	s.add(203_000, journal.Dead, 1, 2)
	s.mark(900_000, "end")
	expect(t, Of(s.plan, s.events), Values{
		"detect_first": 0, "detect_last": figure.Never, "return": 1, "again_median": 3, "again_last": 3,
	})
}

func TestMistakes(t *testing.T) {
	s := joined("pauses")
	s.add(500, journal.Dead, 0, 1) // before the watch: not counted
	s.add(600, journal.Live, 0, 1)
	s.mark(1000, "watch")
	s.step(2000, plan.Step{Do: plan.Pause, Node: 0, For: 4000})
	s.add(3000, journal.Dead, 0, 1)
	s.add(5000, journal.Live, 0, 1)
	s.add(6000, journal.Dead, 1, 0)
	s.add(10_000, journal.Live, 1, 0)
	s.add(11_000, journal.Dead, 1, 7) // invented: nobody
	s.mark(1000+3600_000, "end")
	expect(t, Of(s.plan, s.events), Values{
		"pauses_false": 2.0 / 6, "pauses_others": 1.0 / 6, "pauses_length": 4,
	})
}

func TestSpread(t *testing.T) {
	s := joined("spread")
	count := func(node int, bytes int64) {
		s.events = append(s.events, journal.Event{At: s.events[len(s.events)-1].At, Kind: journal.Count, Node: node, Bytes: bytes})
	}
	s.mark(1000, "joined")
	s.mark(2000, "idle")
	count(0, 1000)
	s.mark(12_000, "updates")
	count(0, 31_000)
	s.step(13_000, plan.Step{Do: plan.Set, Node: 1, Key: plan.Status, Value: "1.xx"})
	s.value(13_500, 0, 1, "1.")
	s.value(14_000, 2, 1, "1.")
	s.step(15_000, plan.Step{Do: plan.Set, Node: 1, Key: plan.Status, Value: "2.xx"})
	s.step(15_000, plan.Step{Do: plan.Set, Node: 1, Key: plan.Status, Value: "3.xx"})
	s.value(15_100, 0, 1, "3.") // has 2. as well
	s.mark(40_000, "hot")
	s.step(40_100, plan.Step{Do: plan.Set, Node: 0, Key: "hot0", Value: "4."})
	s.step(40_200, plan.Step{Do: plan.Set, Node: 0, Key: "hot1", Value: "5."})
	s.events = append(s.events, journal.Event{At: 40_300, Kind: journal.Value, Node: 1, Peer: 0, Key: "hot0", Value: "4."})
	s.mark(42_000, "drain")
	s.mark(50_000, "end")
	expect(t, Of(s.plan, s.events), Values{
		"join": 0.4, "join_false": 0, "idle_bytes": 1, // 30 kB, 10 s, 3 nodes
		"update_p50": 1, "update_all": figure.Never, "update_missing": 100.0 / 3, "hot_lag_p50": 2, "idle_false": 0,
	})
}

func TestHealing(t *testing.T) {
	s := joined("partition")
	s.add(30_000, journal.Dead, 0, 2)
	s.mark(60_000, "heal")
	s.step(60_000, plan.Step{Do: plan.AwaitSet, Node: 0, Key: plan.Status, Value: "9.xx"})
	s.value(60_500, 1, 0, "9.")
	s.value(61_000, 2, 0, "9.")
	s.add(62_000, journal.Live, 0, 2)
	s.mark(70_000, "end")
	expect(t, Of(s.plan, s.events), Values{"heal_all": 2, "heal_values": 1})

	whole := joined("partition") // a cut that nobody noticed
	whole.mark(60_000, "heal")
	whole.mark(70_000, "end")
	expect(t, Of(whole.plan, whole.events), Values{"heal_all": 0})
}

func TestVerdicts(t *testing.T) {
	attacked := func(probe string, more func(s *story)) Verdict {
		s := joined(probe)
		s.step(1000, plan.Step{Do: plan.Set, Node: 1, Key: plan.Status, Value: "1000000.after"})
		more(s)
		return Judge(s.plan, s.events)
	}
	heard := func(s *story) {
		s.value(2000, 0, 1, "1000000.after")
		s.value(2000, 2, 1, "1000000.after")
	}
	end := func(s *story) { s.add(9000, journal.End, 0, 0) }
	for _, c := range []struct {
		probe, harm string
		more        func(s *story)
	}{
		{"forge", "", func(s *story) { heard(s); end(s) }},
		{"forge", "the process died", func(s *story) { heard(s) }},
		{"forge", "the victim is not heard within 2 min", func(s *story) { end(s) }},
		{"forge", "a forged value was believed", func(s *story) { s.value(1500, 0, 1, "999999.forged"); heard(s); end(s) }},
		{"ghost", "the invented peer is live for ever", func(s *story) { s.add(1500, journal.Live, 0, 9); heard(s); end(s) }},
		{"ghost", "", func(s *story) { s.add(1500, journal.Live, 0, 9); s.add(1600, journal.Dead, 0, 9); heard(s); end(s) }},
		{"omission", "a value that was left out never came", func(s *story) { heard(s); end(s) }},
	} {
		if got := attacked(c.probe, c.more); got.Harm != c.harm {
			t.Errorf("%s: %q, not %q", c.probe, got.Harm, c.harm)
		}
	}
}

func TestNeverInJSON(t *testing.T) {
	data, err := json.Marshal(Values{"a": figure.Never, "b": 1.5})
	if err != nil || string(data) != `{"a":"never","b":1.5}` {
		t.Errorf("%s, %v", data, err)
	}
	var back Values
	if err := json.Unmarshal(data, &back); err != nil || back["a"] != figure.Never || back["b"] != 1.5 {
		t.Errorf("read back %v, %v", back, err)
	}
}
