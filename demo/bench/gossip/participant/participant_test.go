package participant

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/measure"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
	"github.com/batchain/batchain/demo/bench/gossip/world"
)

// played plays one plan in a bubble.
func played(t *testing.T, p plan.Plan, participant world.Participant) []journal.Event {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		if err := world.Run(p, participant, &out); err != nil {
			t.Fatal(err)
		}
	})
	events, err := journal.Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// Whoever is in the table joins, tells updates and deaths, comes back and says
// goodbye. What is measured here only has to come at all.
func TestEveryParticipantTakesPart(t *testing.T) {
	short := plan.ShortSize
	short.Hot, short.Updates = 2000, 5
	for name, participant := range Table {
		t.Run(name, func(t *testing.T) {
			for scenario, wanted := range map[string][]string{
				"spread":  {"join", "update_all", "cold_all", "idle_bytes"},
				"crash":   {"detect_last", "return", "again_last"},
				"leave":   {"leave_last"},
				"restart": {"restart"},
			} {
				p := plan.New(scenario, 4, 1, short)
				values := measure.Of(p, played(t, p, participant))
				for _, w := range wanted {
					if v, there := values[w]; !there || v == figure.Never || v < 0 {
						t.Errorf("%s, %s: %v (there: %v)", scenario, w, v, there)
					}
				}
			}
		})
	}
}

// A probe proves something only if it would do harm to whoever did not look:
// the same forged state, signed with the victim's own key, is believed.
func TestForgeryIsWellFormed(t *testing.T) {
	p := plan.New("forge", 3, 1, plan.ShortSize)
	stolen := ours()
	stolen.Attack = func(a world.Attack) error {
		s, err := dialOurs(a, 0)
		if err != nil {
			return err
		}
		defer s.port.Close()
		s.send(oursMessage{Kind: oursPush, Deltas: []oursDelta{s.claim(a.Victim, a.Key, a.Value, oursKey(a.Victim))}})
		return nil
	}
	if v := measure.Judge(p, played(t, p, stolen)); v.Harm == "" {
		t.Error("a state signed with the victim's key was not believed: the probe would prove nothing")
	}
	if v := measure.Judge(p, played(t, p, ours())); v.Harm != "" || v.Skipped != "" {
		t.Errorf("one signed with the attacker's: %+v", v)
	}
}

// The same of invented peers: they come so far that they are kept for a while.
func TestInventedPeersAreWellFormed(t *testing.T) {
	p := plan.New("flood", 3, 1, plan.ShortSize)
	if v := measure.Judge(p, played(t, p, ours())); v.Known <= p.Nodes || v.Harm != "" {
		t.Errorf("%+v", v)
	}
}
