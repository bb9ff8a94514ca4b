package hive

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/work"
)

// Hive makes units, gives them to bees and keeps what comes of them. One
// goroutine, in [Hive.Run], changes its state; methods wait for it and may be
// called from any goroutine.
type Hive struct {
	cfg     Config
	log     *slog.Logger
	db      *badger.DB
	block   cipher.Block // makes tokens
	doorman *work.Doorman
	metrics *metrics
	free    func() (int64, error) // bytes left on the disk

	ops  chan *op
	done chan struct{} // closed when Run has ended
	once sync.Once     // closes done

	work   signal // raised when there may be work for any bee that waits
	calls  calls  // … for one
	chunks signal // … a datachunk, or the end of a project
	events signal // … an event
	bench  bench

	gate    sync.RWMutex // held for reading while the database is read
	closed  bool         // guarded by gate
	started bool         // guarded by gate

	state // what the one goroutine knows
}

// state is rebuilt from the rows alone, see load.
type state struct {
	projects    map[uint32]*project
	names       map[string]*project
	reputations map[reputationName]*work.Reputation
	members     map[peer.ID]map[*group]struct{} // open groups of each bee
	crowds      map[work.ProgramID]*crowd
	disputes    map[reputationName]int // open groups in which others contradict the bee
	due         dueHeap
	uneasy      map[reputationName]bool // that changed, and whose open groups are to be judged again
	nextProject uint32
	nextEvent   uint64
	firstEvent  uint64
	nextCheck   uint64
	seen        int64 // when the due was last looked at, to know a clock that was set back
}

type reputationName struct {
	program work.ProgramID
	bee     peer.ID
}

// Open opens the hive in cfg.Dir. What a killed process left is as if it had
// ended between two calls. The caller runs the hive with Run, which closes it, or
// calls Close.
func Open(cfg Config) (*Hive, error) {
	cfg = cfg.withDefaults()
	if cfg.Dir == "" || cfg.Self == "" {
		return nil, errors.New("open hive: folder and own peer must be set")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open hive: %w", err)
	}
	if err := disk.RemoveEmpty(cfg.Dir, ".mem", ".vlog"); err != nil {
		return nil, fmt.Errorf("open hive: %w", err)
	}
	if err := disk.NeedRoom(cfg.Dir, badgerRoom); err != nil {
		return nil, fmt.Errorf("open hive: %w", err)
	}
	db, err := badger.Open(databaseOptions(cfg.Dir))
	if err != nil {
		return nil, fmt.Errorf("open hive %s: %w", cfg.Dir, err)
	}
	h := &Hive{
		cfg: cfg, log: cfg.Logger, db: db, metrics: newMetrics(),
		free: func() (int64, error) { return disk.Free(cfg.Dir) },
		ops:  make(chan *op, maxBatch), done: make(chan struct{}),
		bench: bench{seats: map[string]work.Validator{}},
	}
	if err := h.prepare(); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open hive %s: %w", cfg.Dir, err)
	}
	return h, nil
}

func (h *Hive) prepare() error {
	if err := h.checkFormat(); err != nil {
		return err
	}
	secret, err := h.secret()
	if err != nil {
		return err
	}
	if h.block, err = aes.NewCipher(secret[:16]); err != nil {
		return err
	}
	fresh := make([]byte, 32)
	rand.Read(fresh)
	h.doorman = work.NewDoorman(h.cfg.Self, fresh)
	if err := h.load(); err != nil {
		return err
	}
	return h.metrics.register(h.cfg.Registerer)
}

// Run works until ctx ends, then closes the database and returns nil; or it
// returns the error that keeps the hive from working.
func (h *Hive) Run(ctx context.Context) error {
	h.gate.Lock()
	if h.started || h.closed {
		h.gate.Unlock()
		return errors.New("hive: it runs already, or did")
	}
	h.started = true
	h.gate.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	for range h.cfg.Judges {
		parts.Go(func() { h.judge(ctx) })
	}
	err := h.write(ctx)
	cancel()
	h.once.Do(func() { close(h.done) })
	parts.Wait()
	if closing := h.shut(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("hive: %w", err)
	}
	return nil
}

// Close closes a hive that was never run.
func (h *Hive) Close() error {
	h.once.Do(func() { close(h.done) })
	return h.shut()
}

// shut closes the database, or on a full disk leaves that to the end of the process, which
// holds the folder until then: the log is synced, so the next start has all of it.
func (h *Hive) shut() error {
	h.gate.Lock()
	defer h.gate.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	h.metrics.unregister()
	if err := disk.NeedRoom(h.cfg.Dir, badgerRoom); err != nil {
		h.log.Warn("the hive ends as if it were killed, and loses nothing", "err", err)
		return nil
	}
	return h.db.Close()
}

// ErrStopped means that the hive's Run has ended.
var ErrStopped = errors.New("the hive is stopped")

func (h *Hive) now() int64 { return h.cfg.Now().UnixMilli() }
