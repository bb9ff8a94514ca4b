package keeper

import (
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
)

func TestMyTurn(t *testing.T) {
	now := time.Unix(2e9, 0)
	ago := func(d time.Duration) int64 { return now.Add(-d).Unix() }
	const long, lately = 30 * time.Hour, 5 * time.Hour
	l := newSample(t, 1, 1).grant.Locator
	var peers []peer.ID
	for n := range 3 {
		_, id := identity(t, n)
		peers = append(peers, id)
	}
	byDistance(l, peers)
	closer, self, farther := peers[0], peers[1], peers[2]
	old := record{Given: ago(20 * 24 * time.Hour), Own: ago(long), Checked: ago(lately)}
	tests := map[string]struct {
		change  func(*record)
		answers map[peer.ID]shard.Turn
		want    bool
	}{
		"nobody else answers":             {nil, nil, true},
		"a closer one has checked":        {nil, map[peer.ID]shard.Turn{closer: {Checked: ago(lately)}}, false},
		"a closer one, clock 1 h ahead":   {nil, map[peer.ID]shard.Turn{closer: {Checked: ago(-time.Hour)}}, false},
		"a closer one has not checked":    {nil, map[peer.ID]shard.Turn{closer: {Checked: ago(long)}}, true},
		"a closer one never checked":      {nil, map[peer.ID]shard.Turn{closer: {}}, true},
		"a closer one from the future":    {nil, map[peer.ID]shard.Turn{closer: {Checked: ago(-long)}}, true},
		"a farther one has checked":       {nil, map[peer.ID]shard.Turn{farther: {Checked: ago(lately)}}, true},
		"a farther one is at work":        {nil, map[peer.ID]shard.Turn{farther: {Working: true}}, false},
		"one is at work for days":         {func(r *record) { r.Checked = ago(long) }, map[peer.ID]shard.Turn{farther: {Working: true}}, true},
		"it came just now":                {func(r *record) { *r = record{Given: ago(lately)} }, map[peer.ID]shard.Turn{closer: {}}, false},
		"it came just now, nobody closer": {func(r *record) { *r = record{Given: ago(lately)} }, map[peer.ID]shard.Turn{farther: {}}, true},
		"it has not looked for a week":    {func(r *record) { r.Own = ago(8 * 24 * time.Hour) }, map[peer.ID]shard.Turn{closer: {Checked: ago(0), Working: true}}, true},
	}
	for name, tt := range tests {
		r := old
		if tt.change != nil {
			tt.change(&r)
		}
		if got := myTurn(l, self, r, tt.answers, now); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestAge(t *testing.T) {
	now := time.Unix(2e9, 0)
	for at, want := range map[int64]time.Duration{
		0: endless, now.Unix() - 60: time.Minute, now.Unix(): 0, now.Unix() + 3600: 0, now.Unix() + 3*3600: endless,
	} {
		if got := age(now, at); got != want {
			t.Errorf("age of %d: %s, want %s", at-now.Unix(), got, want)
		}
	}
}

// Whatever is heard in whatever order, the list stays in bounds, has nobody
// twice, and gives nobody up who has not been silent for a day.
func TestMembersStayInBounds(t *testing.T) {
	var all []peer.ID
	for n := range 80 {
		_, id := identity(t, n)
		all = append(all, id)
	}
	self := all[0]
	rapid.Check(t, func(t *rapid.T) {
		var m members
		now := time.Unix(2e9, 0)
		silentSince := map[peer.ID]time.Time{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			p := rapid.SampledFrom(all).Draw(t, "peer")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				m.learn(self, rapid.SliceOfN(rapid.SampledFrom(all), 0, 20).Draw(t, "names"))
			case 1:
				m.spoke(p)
				delete(silentSince, p)
			case 2:
				was := m.find(p) != nil && !m.find(p).Out
				if was && silentSince[p].IsZero() {
					silentSince[p] = now
				}
				if m.missed(p, now) && (!was || now.Sub(silentSince[p]) < silence) {
					t.Fatalf("given up after %s", now.Sub(silentSince[p]))
				}
			case 3:
				now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			}
			if len(m) > maxMembers || len(m.in()) >= shard.MaxKeepers || m.find(self) != nil {
				t.Fatalf("%d members, %d in", len(m), len(m.in()))
			}
			for i, e := range m {
				if slices.ContainsFunc(m[i+1:], func(o member) bool { return o.Peer == e.Peer }) {
					t.Fatal("one is in it twice")
				}
			}
			for p := range silentSince {
				if m.find(p) == nil {
					delete(silentSince, p)
				}
			}
		}
	})
}
