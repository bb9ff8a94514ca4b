package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/shard"
)

// Config says where a store keeps its shards and how much it takes.
type Config struct {
	// Dir is the folder of the shard files, made if missing. Nothing else may
	// write to it.
	Dir string
	// DB is the index, as [OpenIndex] opens it; other parts may keep rows of
	// other prefixes in it. The caller closes it after Run has returned.
	DB *badger.DB
	// Capacity is the most bytes taken from the disk: shards, their trees,
	// temporary files and what is promised for the next minute. With 0
	// nothing new is taken.
	Capacity int64
	// MinFree is the bytes of the file system that are left to the machine,
	// whatever Capacity says. 64 MiB more are always left to the index.
	MinFree int64
	// PerPeer is the most bytes that one peer may have here. 0 sets no bound.
	PerPeer int64
	// PerPrefix is the most bytes that all peers of one network may have here:
	// those whose lots and holds come from the same prefix. 0 sets no bound.
	PerPrefix int64
	// ScrubRate is the most bytes a second that are read to find out whether
	// they are still what they were. 0 is 4 MiB.
	ScrubRate int64
	// Logger may be nil.
	Logger *slog.Logger
	// Registerer takes the metrics batchain_store_…; nil has none.
	Registerer prometheus.Registerer
	// Stored is told the locator after every commit. It must not block; nil
	// is told nothing.
	Stored func(shard.Locator)
}

// Store is the shards on this machine's disk. Its methods may be used from any
// goroutine; those that change anything wait until [Store.Run] runs. Nothing
// changes while the disk has less than 16 MiB free: the answer is
// [wire.ErrFull] then.
type Store struct {
	dir       string
	ground    fs.FileInfo // of dir when it was opened; see here
	db        *badger.DB
	disk      fileSystem
	capacity  int64
	minFree   int64
	perPeer   int64
	perPrefix int64
	scrubRate int64
	logger    *slog.Logger
	stored    func(shard.Locator)
	metrics   *metrics

	ops     chan *op
	done    chan struct{} // closed when Run has ended
	folders folders
	files   fileLocks
	buffers sync.Pool

	gate    sync.RWMutex // held for reading while the index is read
	started bool         // guarded by gate
	stopped bool         // guarded by gate

	taking sync.RWMutex // held for reading by what commits anything new

	steady   shard.SteadyClock
	expiring sync.Mutex // held by a pass of expire
	passed   int64      // no row is due before; Unix seconds; guarded by expiring

	mu        sync.Mutex
	count     counters // as the index has them
	transfers map[transferName]*transfer
	inFlight  int64             // Σ transfer.charge
	byPeer    map[peer.ID]int64 // Σ transfer.charge of one peer
	byNetwork map[string]int64  // Σ transfer.charge of one network
	holds     map[peer.ID]hold
	held      int64            // Σ hold.bytes
	closed    bool             // nothing new is taken; changes under taking, too
	heldBy    map[string]int64 // Σ hold.bytes of one network

	// Tests set these, before Run.
	now   func() time.Time
	ticks func() time.Duration                             // as a clock that nobody sets
	pause func(ctx context.Context, d time.Duration) error // between the steps of what is not urgent
	crash func(point string)
}

// Usage is how full a store is, in bytes and shards.
type Usage struct {
	Capacity int64 // as configured
	Used     int64 // files of shards: their bytes and trees
	InFlight int64 // promised to transfers under way, and kept of broken ones
	Held     int64 // promised by holds
	Free     int64 // what can still be taken, the disk's own room considered
	Shards   int64
	Places   int64 // of shards in files; each takes 4 KiB of Capacity besides
	Notes    int64 // notes, each with 4 KiB besides
}

// Open opens the store in cfg.Dir and puts right what a crash has left, before
// it returns. It removes no shard that was ever acknowledged and not deleted.
// Where the index has shards and the folder is empty, it gives [ErrAway].
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s := newStore(cfg)
	if err := s.open(ctx, cfg.Registerer); err != nil {
		return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, registerer prometheus.Registerer) error {
	s.folders.disk, s.folders.root = s.disk, s.dir
	if !s.db.Opts().SyncWrites {
		return errors.New("the index does not sync its writes")
	}
	s.steady.Observe(s.now(), s.ticks())
	if err := s.recover(ctx); err != nil {
		return err
	}
	return s.metrics.register(registerer, s)
}

func newStore(cfg Config) *Store {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		dir:       cfg.Dir,
		db:        cfg.DB,
		disk:      osDisk{},
		capacity:  cfg.Capacity,
		minFree:   cfg.MinFree,
		perPeer:   cfg.PerPeer,
		perPrefix: cfg.PerPrefix,
		scrubRate: cmp.Or(cfg.ScrubRate, scrubRate),
		logger:    logger,
		stored:    cfg.Stored,
		metrics:   newMetrics(),
		ops:       make(chan *op, batchOps),
		done:      make(chan struct{}),
		transfers: make(map[transferName]*transfer),
		byPeer:    make(map[peer.ID]int64),
		byNetwork: make(map[string]int64),
		holds:     make(map[peer.ID]hold),
		heldBy:    make(map[string]int64),
		now:       time.Now,
		ticks:     shard.Ticks(),
		pause:     pauseFor,
	}
	s.buffers.New = func() any { return new([bufferSize]byte) }
	return s
}

// tidyEvery is how often Run looks for what has become old.
const tidyEvery = 10 * time.Minute

// Run writes the index and removes temporary files that nobody came back for.
// It returns nil after ctx has ended, when nothing of the store runs or reads
// the index any more; transfers that had not committed by then fail, and what
// they brought is kept. Run may be called once.
func (s *Store) Run(ctx context.Context) error {
	s.gate.Lock()
	if s.started {
		s.gate.Unlock()
		return errors.New("run store: it has been run before")
	}
	s.started = true
	s.gate.Unlock()

	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	wg.Go(func() { s.write(ctx) })
	wg.Go(func() { s.tidyLoop(ctx) })
	wg.Go(func() { s.expireLoop(ctx) })
	wg.Go(func() { s.scrubLoop(ctx) })
	<-ctx.Done()
	cancel()
	close(s.done)
	wg.Wait()
	s.gate.Lock()
	s.stopped = true
	s.gate.Unlock()
	return nil
}

// Usage returns how full the store is. It asks the disk, but walks nothing.
func (s *Store) Usage() Usage {
	free := s.diskFree()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireHolds()
	return Usage{
		Capacity: s.capacity,
		Used:     s.count.Used,
		InFlight: s.inFlight,
		Held:     s.held,
		Free:     s.room(free, 0),
		Shards:   s.count.Shards,
		Places:   s.count.Places,
		Notes:    s.count.Notes,
	}
}

// at tells a test that a point is reached from which it may not return.
func (s *Store) at(point string) {
	if s.crash != nil {
		s.crash(point)
	}
}
