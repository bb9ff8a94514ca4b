package bee

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/batchain/batchain/work"
)

// Hive is what a bee needs of a hive, in this process or far away. Its errors are
// those of package work.
type Hive interface {
	Request(ctx context.Context, wish work.Wish) (work.Batch, error)
	Submit(ctx context.Context, results []work.Result) ([]error, error)
	Beat(ctx context.Context, beats []work.Beat) ([]work.Order, error)
}

// Runner executes programs. Run may be called from several goroutines at once.
// An error that wraps [ErrBroken] says that the program failed, and its text goes
// to the hive; any other that this bee could not execute it. Progress, in
// thousandths, may be told as often as wanted.
type Runner interface {
	Run(ctx context.Context, program work.Program, input []byte, progress func(uint16)) (Outcome, error)
}

// Outcome is what an execution made.
type Outcome struct {
	Output []byte // at most [work.MaxOutput]
	Fuel   uint64 // 0 where it is not counted
}

// ErrBroken means that the program failed: it is its own fault, and will be so in
// other bees, too.
var ErrBroken = errors.New("the program failed")

// Config is what a [Bee] needs. Hive, Runner and Kinds must be set.
type Config struct {
	Hive   Hive
	Runner Runner
	Kinds  []work.Kind // of programs that the runner executes
	Names  []string    // of Native and Inline programs that it has
	Slots  int         // tasks at once; 1

	// Memory and Wall are what the hive is told, see [work.Wish].
	Memory uint64
	Wall   time.Duration

	Logger *slog.Logger
}

// Bee asks a hive for tasks, executes them and hands in what they made.
type Bee struct {
	cfg   Config
	log   *slog.Logger
	ready chan *task
	ended chan work.Result
	freed chan struct{} // holds one when there is room for more tasks
	taken chan struct{} // holds one when there are new tasks

	mu   sync.Mutex
	held map[work.Token]*task // until their results are handed in
	pace time.Duration        // of the last tasks, smoothed
}

// task is one that the bee has.
type task struct {
	work.Task
	program  work.Program
	progress atomic.Uint32
	cancel   context.CancelFunc // guarded by Bee.mu; nil until it runs
	stopped  bool               // guarded by Bee.mu: its result is not needed
}

// maxHeld bounds the tasks that a bee has, those that run and those that wait.
const maxHeld = 2 * work.MaxTasks

// New returns a bee that does nothing until [Bee.Run].
func New(cfg Config) *Bee {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Slots = min(max(1, cfg.Slots), work.MaxTasks)
	return &Bee{
		cfg: cfg, log: cfg.Logger,
		ready: make(chan *task, maxHeld), ended: make(chan work.Result, maxHeld), freed: make(chan struct{}, 1),
		taken: make(chan struct{}, 1),
		held:  map[work.Token]*task{},
	}
}

// farewell is how long a bee that ends takes to give back what it has.
const farewell = 5 * time.Second

// Run works until ctx ends; then it gives back what it has not finished, waits
// for all it started and returns nil. A hive that does not answer is asked again
// and again, ever more slowly. A Bee runs once.
func (b *Bee) Run(ctx context.Context) error {
	var slots, others sync.WaitGroup
	for range b.cfg.Slots {
		slots.Go(func() { b.execute(ctx) })
	}
	others.Go(func() { b.fetch(ctx) })
	others.Go(func() { b.beat(ctx) })
	handed := make(chan struct{})
	go func() {
		defer close(handed)
		b.handIn(ctx)
	}()
	slots.Wait()
	others.Wait()
	b.giveUpWaiting()
	close(b.ended)
	<-handed
	return nil
}

// tell leaves a note in a channel that holds one.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// giveUpWaiting ends the tasks that nobody has begun.
func (b *Bee) giveUpWaiting() {
	for {
		select {
		case t := <-b.ready:
			b.ended <- work.Result{Token: t.Token, Status: work.GivenUp}
		default:
			return
		}
	}
}
