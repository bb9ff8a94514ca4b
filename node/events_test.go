package node

import (
	"fmt"
	"testing"
)

func TestEventsReachEveryReaderInOrder(t *testing.T) {
	b := newEvents()
	first, done := b.subscribe()
	b.publish(Event{Type: EventPeerUp, Peer: "a"})
	second, doneToo := b.subscribe()
	defer doneToo()
	b.publish(Event{Type: EventPeerDown, Peer: "a"})
	<-first.wake
	if got := b.take(first); len(got) != 2 || got[0].Type != EventPeerUp || got[1].Type != EventPeerDown || got[0].Time.IsZero() {
		t.Errorf("first reader: %+v", got)
	}
	<-second.wake
	if got := b.take(second); len(got) != 1 || got[0].Type != EventPeerDown {
		t.Errorf("second reader: %+v", got)
	}
	done()
	b.publish(Event{Type: EventPeerUp})
	if got := b.take(first); len(got) != 0 {
		t.Errorf("a reader that left gets %+v", got)
	}
}

// TestSlowReaderLosesTheOldest and is told how many.
func TestSlowReaderLosesTheOldest(t *testing.T) {
	b := newEvents()
	r, done := b.subscribe()
	defer done()
	for i := range eventQueue + 10 {
		b.publish(Event{Type: EventStored, Peer: fmt.Sprint(i)})
	}
	got := b.take(r)
	if len(got) != eventQueue || got[0].Peer != "10" || got[0].Missed != 10 || got[1].Missed != 0 {
		t.Errorf("%d events, the first is %+v", len(got), got[0])
	}
}

// TestTalkHidesNoDeath: what members say of themselves is dropped first; and what
// gossip has dropped already is counted too.
func TestTalkHidesNoDeath(t *testing.T) {
	b := newEvents()
	r, done := b.subscribe()
	defer done()
	b.publish(Event{Type: "member_dead", Peer: "a", Missed: 3})
	for i := range eventQueue + 10 {
		b.publish(Event{Type: "member_update", Peer: fmt.Sprint(i), Missed: 1})
	}
	got := b.take(r)
	if len(got) != eventQueue || got[0].Peer != "a" || got[0].Missed != 3+2*11 || got[1].Peer != "11" {
		t.Errorf("%d events, the first are %+v and %+v", len(got), got[0], got[1])
	}
}
