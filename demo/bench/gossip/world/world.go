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
