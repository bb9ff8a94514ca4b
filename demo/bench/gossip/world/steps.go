package world

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

func (w *world) start(index int, fresh bool) error {
	if fresh || w.disks[index] == nil {
		w.disks[index] = map[string]any{}
	}
	node := &Node{Index: index, Seed: w.plan.Seed<<16 + uint64(index), Nodes: w.plan.Nodes, Fabric: w.fabric, Disk: w.disks[index], tell: w}
	if index != 0 {
		node.Through = []int{0}
	}
	w.mu.Lock()
	w.beliefs[index] = newBelief()
	w.mu.Unlock()
	member, err := w.participant.Start(node)
	if err != nil {
		return fmt.Errorf("node %d: %w", index, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives[index] = &life{node, member}
	return nil
}

// crash takes a node off the network and ends it, without waiting for the end.
func (w *world) crash(index int) {
	w.mu.Lock()
	l := w.lives[index]
	delete(w.lives, index)
	w.mu.Unlock()
	l.node.over.Store(true)
	w.fabric.Unplug(index)
	w.stops.Go(l.member.Stop)
}

// leave lets a node say goodbye for five seconds, and then ends it.
func (w *world) leave(index int) {
	w.mu.Lock()
	l := w.lives[index]
	delete(w.lives, index)
	w.mu.Unlock()
	l.node.over.Store(true)
	w.stops.Go(func() {
		if err := l.member.Leave(); err != nil {
			w.skip(err)
		}
		w.fabric.Unplug(index)
		l.member.Stop()
	})
}

func (w *world) skip(err error) {
	w.journal.Write(journal.Event{Kind: journal.Skip, Value: err.Error()})
}

func (w *world) mark() {
	for _, node := range slices.Sorted(maps.Keys(w.lives)) {
		c := w.fabric.Count(node)
		w.journal.Write(journal.Event{
			Kind: journal.Count, Node: node, Known: w.lives[node].member.Known(),
			Bytes: c.Bytes, Messages: c.Messages, Dials: c.Dials,
		})
	}
	w.journal.WriteCost()
}

func (w *world) attack(s plan.Step) error {
	err := w.participant.Attack(Attack{
		Probe:  s.Name,
		Fabric: w.fabric,
		Nodes:  w.plan.Nodes,
		Self:   w.plan.Nodes,
		Victim: s.Node,
		Key:    s.Key,
		Value:  s.Value,
		Count:  s.Count,
		Set:    w.lives[s.Node].member.Set,
	})
	if errors.Is(err, ErrNoSuchThing) {
		w.skip(err)
		return nil
	}
	return err
}
