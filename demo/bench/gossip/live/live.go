package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// Place is what a node is told first.
type Place struct {
	Index   int   `json:"index"`
	Ports   []int `json:"ports"`             // of all nodes, on 127.0.0.1, for TCP and UDP
	Through []int `json:"through,omitempty"` // the nodes to join through
}

// Command is what a node is asked to do then: [plan.Set], or [plan.Mark] to
// write what it has cost.
type Command struct {
	Do    plan.Action `json:"do"`
	Key   string      `json:"key,omitempty"`
	Value string      `json:"value,omitempty"`
}

// mesh is the processes of one play.
type mesh struct {
	plan    plan.Plan
	command []string
	env     []string
	ports   []int
	began   time.Time
	readers sync.WaitGroup

	mu      sync.Mutex
	nodes   map[int]*node
	events  []journal.Event
	live    map[[2]int]bool // who takes whom for live
	changed chan struct{}
}

// node is one process.
type node struct {
	process *exec.Cmd
	orders  *json.Encoder
}

// Play plays p with processes started by command, and returns what happened.
func Play(ctx context.Context, p plan.Plan, command, env []string) ([]journal.Event, error) {
	ports, err := freePorts(p.Nodes)
	if err != nil {
		return nil, err
	}
	m := &mesh{
		plan: p, command: command, env: env, ports: ports, began: time.Now(),
		nodes: map[int]*node{}, live: map[[2]int]bool{}, changed: make(chan struct{}, 1),
	}
	defer func() {
		for index := range p.Nodes {
			m.kill(index)
		}
		m.readers.Wait()
	}()
	for i, s := range p.Steps {
		if err := rest(ctx, s.After); err != nil {
			return nil, err
		}
		m.tell(journal.Event{Kind: journal.Step, Step: i})
		if err := m.do(ctx, s); err != nil {
			return nil, fmt.Errorf("step %d, %s: %w", i, s.Do, err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.events, nil
}

func rest(ctx context.Context, milliseconds int64) error {
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (m *mesh) do(ctx context.Context, s plan.Step) error {
	switch s.Do {
	case plan.Start:
		return m.start(ctx, s.Node)
	case plan.Crash:
		m.kill(s.Node)
	case plan.Set:
		return m.order(s.Node, Command{Do: plan.Set, Key: s.Key, Value: s.Value})
	case plan.Mark:
		for index := range m.nodes {
			if err := m.order(index, Command{Do: plan.Mark}); err != nil {
				return err
			}
		}
		return rest(ctx, 100) // for the answers
	case plan.AwaitAll:
		return m.await(ctx, s.For, func(node, peer int) bool { return m.live[[2]int{node, peer}] })
	case plan.AwaitDead:
		return m.await(ctx, s.For, func(node, _ int) bool { return !m.live[[2]int{node, s.Node}] })
	case plan.AwaitLive:
		return m.await(ctx, s.For, func(node, _ int) bool { return node == s.Node || m.live[[2]int{node, s.Node}] })
	default:
		return errors.New("not to be had in real time")
	}
	return nil
}

// await waits until holds is true of every pair of running nodes, for at most
// limit milliseconds.
func (m *mesh) await(ctx context.Context, limit int64, holds func(node, peer int) bool) error {
	timer := time.NewTimer(time.Duration(limit) * time.Millisecond)
	defer timer.Stop()
	for !m.all(holds) {
		select {
		case <-m.changed:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (m *mesh) all(holds func(node, peer int) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for node := range m.nodes {
		for peer := range m.nodes {
			if node != peer && !holds(node, peer) {
				return false
			}
		}
	}
	return true
}
