package gossip_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
)

// One that is silent learns what members know, and leaves no trace, not even
// where its key was a member before.
func TestSilentLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 4)
		defer m.stop()
		until(t, 30*time.Second, "all know all", m.everyoneKnowsEveryone)
		if err := m.members[3].Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		left := func() bool {
			for _, g := range m.members[:3] {
				if member, ok := g.Member(m.members[3].Peer()); !ok || member.State != gossip.Left {
					return false
				}
			}
			return true
		}
		until(t, 30*time.Second, "it has left", left)
		m.stops[3]()
		silent, err := gossip.New(gossip.Config{
			Key: m.keys[3], Mesh: "test", Transport: m.network.Endpoint(id(t, m.keys[3])), Silent: true,
			Seeds: func() []peer.ID { return []peer.ID{m.members[1].Peer()} },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() {
			if err := silent.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		m.stops[3] = func() { cancel(); wait.Wait() }
		until(t, 10*time.Second, "it knows who lives", func() bool {
			live := 0
			for _, member := range silent.Members() {
				if !member.Self && member.State == gossip.Live {
					live++
				}
			}
			return live == 3
		})
		time.Sleep(time.Minute)
		if !left() {
			t.Error("the silent one was heard")
		}
		newcomer := key(77)
		m.keys, m.members, m.stops = append(m.keys, newcomer), append(m.members, nil), append(m.stops, nil)
		m.start(4, nil)
		until(t, 10*time.Second, "a newcomer knows the mesh", func() bool { return len(m.members[4].Members()) >= 4 })
	})
}
