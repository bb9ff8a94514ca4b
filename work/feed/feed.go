package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
)

// Consumer is the name under which the hive keeps how far a feed has come.
const Consumer = "feed"

// Bounds of one step.
const (
	maxUnits   = 256
	maxChunks  = 256
	chunkBytes = 4 << 20
)

// Config is what a feed works with. Hive, Project and Store must be set; other
// zero fields are the defaults.
type Config struct {
	Hive    Hive
	Project string // that is in the hive
	Store   Store

	// Once seals the project when the store has nothing left to claim, so that it
	// ends. Without it a feed waits for more until the project is cancelled.
	Once bool
	// Ahead is how many units are claimed and not put at most, 4096.
	Ahead int
	// Poll is how often a store that had nothing is asked again, 1 s.
	Poll time.Duration
	// Trouble, when not nil, is told why the feed has to wait, and nil when it
	// goes on. It must not block.
	Trouble func(error)
	// Timeout is how long one step of the store may take, 1 min.
	Timeout time.Duration

	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
}

// ErrOtherHive means that a store's cursor is beyond what the hive has made: the store
// was fed into another hive of that name, or this one lost its folder.
var ErrOtherHive = errors.New("the store has results that this hive never had: it belongs to another hive")

type feeder struct {
	Config
	metrics  *metrics
	claimed  atomic.Int64 // units claimed and not put, as far as it is known
	counting sync.Mutex   // held while they are counted, and while some are put
}

// Run feeds a project until it is over and all of its datachunks are put, and
// returns nil; or until ctx ends, or the hive does, or refuses for good.
func Run(ctx context.Context, config Config) error {
	config.Ahead = cmp.Or(config.Ahead, 4096)
	config.Poll = cmp.Or(config.Poll, time.Second)
	config.Timeout = cmp.Or(config.Timeout, time.Minute)
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Trouble == nil {
		config.Trouble = func(error) {}
	}
	f := &feeder{Config: config, metrics: newMetrics(config.Project)}
	f.Logger = f.Logger.With("project", f.Project)
	if err := f.metrics.register(f.Registerer); err != nil {
		return fmt.Errorf("feed project %s: %w", f.Project, err)
	}
	defer f.metrics.unregister()
	if err := f.run(ctx); err != nil {
		return fmt.Errorf("feed project %s: %w", f.Project, err)
	}
	return nil
}

func (f *feeder) run(ctx context.Context) error {
	next, err := f.begin(ctx)
	if err != nil {
		return err
	}
	if err := f.addClaimed(ctx); err != nil {
		return err
	}
	parts, working := errgroup.WithContext(ctx)
	importing, over := context.WithCancel(working)
	defer over()
	parts.Go(func() error {
		err := f.importUnits(importing)
		if importing.Err() != nil && working.Err() == nil {
			return nil // the project is over
		}
		return err
	})
	parts.Go(func() error {
		defer over()
		return f.exportChunks(working, next)
	})
	if err := parts.Wait(); err != nil {
		return err
	}
	return f.step(ctx, "finish", f.Store.Finish)
}

// begin returns where the store's export goes on, and makes sure that hive and
// store belong together.
func (f *feeder) begin(ctx context.Context) (next uint64, err error) {
	err = f.step(ctx, "cursor", func(ctx context.Context) (err error) {
		next, err = f.Store.Cursor(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	err = f.acknowledge(ctx, next)
	if errors.Is(err, work.ErrNotMade) {
		err = fmt.Errorf("%w: %w", ErrOtherHive, err)
	}
	return next, err
}
