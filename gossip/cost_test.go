package gossip

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A peer that sends more than any honest one does is heard as often as one, and
// nobody is heard less for it.
func TestMessagesAreBounded(t *testing.T) {
	n, others := alone(t, Options{}, 1)
	loud, heard, quiet := newStranger(1).id, 0, 0
	for i := range 10_000 {
		n.sim.now = n.sim.now.Add(time.Millisecond)
		if n.takes(n.sim.now, loud) {
			heard++
		}
		if i%100 == 0 && n.takes(n.sim.now, others[0].id) {
			quiet++
		}
	}
	if most := messagesBurst + 10*messagesPerInterval; heard > most+1 || heard < most-1 {
		t.Errorf("%d messages of the loud one are taken in ten seconds, want %d", heard, most)
	}
	if quiet != 100 {
		t.Errorf("%d of 100 messages of the quiet one are taken", quiet)
	}
	if n.takes(n.sim.now, n.self.id) {
		t.Error("it takes messages from itself")
	}
}

// A peer has so many checks and no more; a heartbeat that is far ahead costs
// several, since it takes as many hashes.
func TestChecksAreBounded(t *testing.T) {
	n, others := alone(t, Options{}, 1)
	forger := newStranger(1).id
	forge := func(number uint64) (checked uint64) {
		before := n.counts.badBeats
		n.bring(forger, &message{Kind: kindPush, Beats: appendBeat(nil, beat{others[0].who.short(), number, link{9}})})
		return n.counts.badBeats - before
	}
	if forge(1) != 1 || forge(chainLength) != 1 {
		t.Fatal("forgeries are not looked at")
	}
	if got := n.counts.checks; got < 2+chainLength/hashesPerCheck {
		t.Errorf("%d checks are counted", got)
	}
	checked := uint64(0)
	for range 100 {
		n.sim.now = n.sim.now.Add(50 * time.Millisecond)
		var all []byte
		for range 100 {
			all = appendBeat(all, beat{others[0].who.short(), 1, link{9}})
		}
		before := n.counts.badBeats
		n.bring(forger, &message{Kind: kindPush, Beats: all})
		checked += n.counts.badBeats - before
	}
	if most := uint64(checksBurst + 5*checksPerSecond); checked > most || checked < most/2 {
		t.Errorf("%d forgeries are checked in five seconds, at most %d may be", checked, most)
	}
	if r := n.remote(n.sim.now, forger); r.strikes != 0 {
		t.Error("who may have been deceived is blamed")
	}
}

// Whoever speaks under ever new names leaves a bounded trace.
func TestRemotesAreBounded(t *testing.T) {
	n, others := alone(t, Options{}, 1)
	for i := range maxMembers + 100 {
		n.sim.now = n.sim.now.Add(time.Millisecond)
		n.takes(n.sim.now, peer.ID(fmt.Sprint("somebody", i)))
		if i%1000 == 0 {
			n.takes(n.sim.now, others[0].id)
		}
	}
	if len(n.remotes) > maxMembers {
		t.Errorf("%d are remembered", len(n.remotes))
	}
	if n.remotes[others[0].id] == nil {
		t.Error("who speaks now and then is forgotten for them")
	}
	n.pruneRemotes(n.sim.now.Add(2 * forgetRemote))
	if len(n.remotes) != 0 {
		t.Errorf("%d are remembered after an hour of silence", len(n.remotes))
	}
}
