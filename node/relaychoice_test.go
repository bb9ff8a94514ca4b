package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// relaysNamed are as many candidates of one kind.
func relaysNamed(kind string, count int) []peer.AddrInfo {
	infos := make([]peer.AddrInfo, count)
	for i := range infos {
		infos[i].ID = peer.ID(fmt.Sprint(kind, i))
	}
	return infos
}

func idsOf(infos []peer.AddrInfo) []peer.ID {
	ids := make([]peer.ID, len(infos))
	for i, info := range infos {
		ids[i] = info.ID
	}
	return ids
}

func TestRelaysWithABudgetAreAskedFirst(t *testing.T) {
	both := idsOf(relaysNamed("other", 2))
	for name, c := range map[string]struct {
		budgeted, others int
		used             []peer.ID
		want, wantOthers int
	}{
		"enough have one":             {5, 9, nil, 3, 0},
		"just enough":                 {2, 9, nil, 2, 0},
		"one":                         {1, 9, nil, 1, 1},
		"none":                        {0, 9, nil, 0, 2},
		"nobody":                      {0, 0, nil, 0, 0},
		"one other is used":           {5, 9, both[:1], 2, 0},
		"one other, and none has one": {0, 9, both[:1], 0, 1},
		"two others are used":         {5, 9, both, 1, 0},
		"two, and none has one":       {0, 9, both, 0, 0},
		"one with and one without":    {5, 9, []peer.ID{both[0], "budgeted0"}, 0, 0},
		"two with one":                {5, 9, []peer.ID{"budgeted0", "budgeted1"}, 0, 0},
		"three others":                {5, 9, idsOf(relaysNamed("other", 3)), 0, 0},
	} {
		choice := relayChoice{given: map[peer.ID]trial{}}
		budgeted, others := relaysNamed("budgeted", c.budgeted), relaysNamed("other", c.others)
		got := idsOf(choice.choose(budgeted, others, c.used, time.Now()))
		with := slices.DeleteFunc(slices.Clone(got), func(p peer.ID) bool { return !slices.Contains(idsOf(budgeted), p) })
		if len(with) != c.want || len(got)-len(with) != c.wantOthers {
			t.Errorf("%s: %q are asked", name, got)
		}
		if slices.ContainsFunc(got, func(p peer.ID) bool { return slices.Contains(c.used, p) }) {
			t.Errorf("%s: of %q one is used", name, got)
		}
	}
}

// Those who claim a budget and refuse, many as they are, keep no place from others
// for longer than a look, and are asked again by and by.
func TestLiarsKeepNobodyFromRelays(t *testing.T) {
	choice := relayChoice{given: map[peer.ID]trial{}}
	liars, honest := relaysNamed("liar", 100), relaysNamed("honest", 20)
	now := time.Now()
	for look := range 30 {
		got := idsOf(choice.choose(liars, honest, nil, now))
		others := slices.DeleteFunc(slices.Clone(got), func(p peer.ID) bool { return !slices.Contains(idsOf(honest), p) })
		if want := min(look, 1) * relaysWanted; len(others) != want || len(got) != relaysAtMost+want {
			t.Fatalf("look %d: %q are asked", look, got)
		}
		now = now.Add(relayInterval)
	}
	choice = relayChoice{given: map[peer.ID]trial{}}
	two := liars[:2]
	_ = choice.choose(two, honest, nil, now)
	used := idsOf(choice.choose(two, honest, nil, now.Add(relayInterval)))
	if slices.ContainsFunc(used, func(p peer.ID) bool { return slices.Contains(idsOf(two), p) }) {
		t.Errorf("%q are asked, of whom one has just refused", used)
	}
	if got := choice.choose(two, honest, used, now.Add(relayBackoff)); len(got) != 1 || !slices.Contains(idsOf(two), got[0].ID) {
		t.Errorf("after the time in which they are left alone %q are asked", idsOf(got))
	}
}

// One that cannot be dialled gives way to another.
func TestRelaysThatDoNotAnswerGiveWay(t *testing.T) {
	choice := relayChoice{given: map[peer.ID]trial{}}
	others, now := relaysNamed("other", 6), time.Now()
	var asked []peer.ID
	for range 3 {
		asked = append(asked, idsOf(choice.choose(nil, others, nil, now))...)
		now = now.Add(relayInterval)
	}
	slices.Sort(asked)
	if !slices.Equal(asked, idsOf(others)) {
		t.Errorf("asked are %q", asked)
	}
}
