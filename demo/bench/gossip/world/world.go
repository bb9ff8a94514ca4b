package world

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// world is a plan being played.
type world struct {
	plan        plan.Plan
	participant Participant
	fabric      *fabric.Fabric
	stops       sync.WaitGroup // nodes that are ending
	disks       map[int]map[string]any

	mu      sync.Mutex
	lives   map[int]*life // the running nodes
	beliefs map[int]*belief
	journal *journal.Writer
	changed chan struct{}
}

// life is one node from start to end.
type life struct {
	node   *Node
	member Member
}

// Run plays p with the nodes of a participant and writes its journal to out. It
// has to be called in a testing/synctest bubble, and returns when every node
// has ended.
func Run(p plan.Plan, participant Participant, out io.Writer) error {
	w := &world{
		plan:        p,
		participant: participant,
		fabric:      fabric.New(time.Duration(p.Latency)*time.Millisecond, p.Loss, p.Seed),
		disks:       map[int]map[string]any{},
		lives:       map[int]*life{},
		beliefs:     map[int]*belief{},
		journal:     journal.NewWriter(out),
		changed:     make(chan struct{}, 1),
	}
	err := w.play()
	for _, node := range slices.Sorted(maps.Keys(w.lives)) {
		w.crash(node)
	}
	w.stops.Wait()
	err = errors.Join(err, w.journal.Close())
	time.Sleep(linger)
	return err
}

// linger lets goroutines end that outlive their node until a time-out of theirs;
// a bubble waits for all.
const linger = time.Minute

func (w *world) play() error {
	for i, step := range w.plan.Steps {
		time.Sleep(time.Duration(step.After) * time.Millisecond)
		w.journal.Write(journal.Event{Kind: journal.Step, Step: i})
		if err := w.do(step); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, step.Do, err)
		}
	}
	return nil
}

func (w *world) do(s plan.Step) error {
	limit := time.Duration(s.For) * time.Millisecond
	switch s.Do {
	case plan.Start:
		return w.start(s.Node, s.Fresh)
	case plan.Crash:
		w.crash(s.Node)
	case plan.Leave:
		w.leave(s.Node)
	case plan.Set:
		w.lives[s.Node].member.Set(s.Key, s.Value)
	case plan.Pause:
		w.fabric.Pause(s.Node, limit)
	case plan.Cut:
		w.fabric.Cut(s.Side)
	case plan.Heal:
		w.fabric.Heal()
	case plan.Mark:
		w.mark()
	case plan.Attack:
		return w.attack(s)
	case plan.AwaitAll:
		w.await(limit, -1, w.knowsAll)
	case plan.AwaitDead:
		w.await(limit, s.Node, func(_ int, b *belief) bool { return !b.live[s.Node] })
	case plan.AwaitLive:
		w.await(limit, s.Node, func(_ int, b *belief) bool { return b.live[s.Node] })
	case plan.AwaitSet:
		w.await(limit, s.Node, func(_ int, b *belief) bool { return b.values[fact{s.Node, s.Key}] == s.Value })
	default:
		return fmt.Errorf("no such action")
	}
	return nil
}

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
