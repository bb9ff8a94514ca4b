package keeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

// Keeper looks after files. It is safe for concurrent use.
type Keeper struct {
	cfg     Config
	log     *slog.Logger
	self    peer.ID
	metrics *metrics

	pace *rate.Limiter // files in a round

	round   sync.Mutex     // one round at a time
	files   sync.WaitGroup // those that a round came to and that are worked on still; added to under round
	slots   chan struct{}  // the files that a round looks at at once
	long    chan struct{}  // charges on which long work is done at once
	ownLong chan struct{}  // … of the owner's own files
	silent  silent
	verify  sync.Mutex // one manifest of a stranger's at a time

	mu       sync.Mutex
	charges  map[owner]*charge
	arriving map[owner]*arrival
	tombs    tombs
	own      map[string]upkeep // by path, of the owner's own files
}

// New opens the folder of charges. Files of it that cannot be read are left
// alone and told in the log.
func New(cfg Config) (*Keeper, error) {
	cfg = cfg.withDefaults()
	k := &Keeper{
		cfg: cfg, log: cfg.Logger, self: cfg.Host.ID(), metrics: newMetrics(),
		pace:  rate.NewLimiter(rate.Every(fileEvery), fileBurst),
		slots: make(chan struct{}, atOnce), long: make(chan struct{}, longAtOnce), ownLong: make(chan struct{}, longAtOnce),
		charges: map[owner]*charge{}, arriving: map[owner]*arrival{}, own: map[string]upkeep{},
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := k.load(); err != nil {
		return nil, fmt.Errorf("charges: %w", err)
	}
	return k, k.metrics.register(cfg.Registerer, k)
}

// load reads every charge, and clears away what a crash left.
func (k *Keeper) load() error {
	var err error
	if k.tombs, err = readTombs(k.path(tombsName)); err != nil {
		return err
	}
	entries, err := os.ReadDir(k.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") { // a manifest or a charge that was being written, with its key
			err = errors.Join(err, os.Remove(k.path(e.Name())))
		} else if strings.HasSuffix(e.Name(), chargeSuffix) {
			k.loadCharge(e.Name())
		}
	}
	for _, e := range entries {
		base, is := strings.CutSuffix(e.Name(), manifestSuffix)
		if _, statErr := os.Stat(k.path(base + chargeSuffix)); is && errors.Is(statErr, fs.ErrNotExist) {
			err = errors.Join(err, remove(k.path(e.Name())))
		}
	}
	return err
}

func (k *Keeper) loadCharge(name string) {
	data, err := readSmall(k.path(name), maxRecord)
	var c *charge
	if err == nil {
		c, err = parseRecord(data, k.cfg.Mesh)
	}
	if err == nil && c.name()+chargeSuffix != name {
		err = errors.New("its name is another file's")
	}
	if err != nil {
		k.log.Error("charge cannot be read", "file", name, "err", err)
		return
	}
	k.charges[ownerOf(c.grant)] = c
}

func (k *Keeper) path(name string) string { return filepath.Join(k.cfg.Dir, name) }

func (k *Keeper) manifestPath(c *charge) string { return k.path(c.name() + manifestSuffix) }

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", filepath.Base(path), info.Size(), limit)
	}
	return os.ReadFile(path)
}

// remove removes a file that may be gone already.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// When rounds come.
const (
	interval  = 6 * time.Hour    // from the end of a round to the next, give or take a sixth
	firstWait = 10 * time.Minute // at most, before the first
	fileEvery = time.Second      // between two files of a round, save a few
	fileBurst = 32
)

// Run makes rounds until ctx ends, and returns nil then. The long work of one
// round goes on in the next; Run waits for it.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.finish()
	wait := rand.N(firstWait)
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		k.lookAround(ctx)
		wait = interval - interval/6 + rand.N(interval/3)
	}
}

// Locators yields the names under which this node announces itself as a
// keeper, one for every charge.
func (k *Keeper) Locators(context.Context) iter.Seq2[shard.Locator, error] {
	return func(yield func(shard.Locator, error) bool) {
		for _, c := range k.all() {
			if !yield(c.grant.Locator.Keepers(), nil) {
				return
			}
		}
	}
}

// all returns the charges there are now, by name.
func (k *Keeper) all() []*charge {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]*charge, 0, len(k.charges))
	for _, c := range k.charges {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *charge) int { return bytes.Compare(a.grant.Admin, b.grant.Admin) })
	return all
}

// view copies what a charge's file says; false when it was dropped.
func (k *Keeper) view(c *charge) (record, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := c.record
	r.Members = slices.Clone(r.Members)
	return r, !c.gone
}

// update changes a charge and writes it, unless it was dropped.
func (k *Keeper) update(c *charge, change func(*record)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.gone {
		return nil
	}
	change(&c.record)
	return k.write(c)
}

// write needs the lock.
func (k *Keeper) write(c *charge) error {
	data, err := wire.Marshal(c.record)
	if err != nil {
		return err
	}
	return disk.WriteFile(k.path(c.name()+chargeSuffix), data, 0o600)
}

// drop forgets a charge and its files.
func (k *Keeper) drop(c *charge) error {
	k.mu.Lock()
	c.gone = true
	if o := ownerOf(c.grant); k.charges[o] == c {
		delete(k.charges, o)
	}
	path := k.manifestPath(c)
	err := remove(k.path(c.name() + chargeSuffix))
	err = errors.Join(err, remove(path), remove(path+transfer.HealthSuffix))
	k.mu.Unlock()
	k.cfg.Withdraw(c.grant.Locator.Keepers())
	return err
}
