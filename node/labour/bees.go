package labour

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/dispatch"
	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/hive"
)

// maxBees bounds the hives that a volunteer works for at one time.
const maxBees = 16

// linger is how long a bee stays at a hive that offers nothing any more: one that
// was started again says so a moment later.
const linger = 30 * time.Second

// worker is a bee at one hive.
type worker struct {
	stop   func()
	done   chan struct{} // closed when it has ended
	wanted time.Time     // when its hive last had work to offer
}

func (w *worker) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// tend has a bee at every hive that is wanted, and at no other. At the end of the owner's
// hours each gives back what it has not finished.
func (l *Labour) tend(ctx context.Context, group *errgroup.Group) {
	l.mu.Lock()
	wish := l.wish
	l.mu.Unlock()
	wanted := l.wanted(&wish)
	changed := l.pool != nil && !reflect.DeepEqual(l.pool.wish, wish)
	if changed {
		wanted = nil // all bees end first, and the pool with them
	}
	running := 0
	for id, w := range l.bees {
		if w.ended() {
			l.drop(id)
			continue
		}
		running++
		if slices.Contains(wanted, id) {
			w.wanted = time.Now()
		} else if changed || !wish.at(time.Now()) || time.Since(w.wanted) > linger {
			w.stop()
		}
	}
	if running == 0 && wanted == nil && l.pool != nil {
		if err := l.closePool(); err != nil {
			l.log.Warn("pool does not close", "err", err)
		}
		wanted = l.wanted(&wish)
	}
	for _, id := range wanted {
		if l.bees[id] != nil || running >= maxBees {
			continue
		}
		if err := l.startBee(ctx, group, &wish, id); err != nil {
			l.log.Error("no bee can work here", "err", err)
			return
		}
		running++
	}
}

func (l *Labour) drop(id peer.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.bees, id)
}

// wanted are the hives to work for, in an order that stays and is another one in
// every node: where there are more than it has bees for, others take the rest.
func (l *Labour) wanted(wish *Wish) []peer.ID {
	var ids []peer.ID
	switch {
	case !wish.On || !wish.at(time.Now()):
		return nil
	case len(wish.Hives) > 0:
		for _, text := range wish.Hives {
			info, err := hiveOf(text)
			if err != nil {
				continue // it was checked when it was written
			}
			if len(info.Addrs) > 0 {
				l.cfg.Host.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.PermanentAddrTTL)
			}
			ids = append(ids, info.ID)
		}
	case l.cfg.Offers != nil:
		ids = l.cfg.Offers()
		if l.current() != nil {
			ids = append(ids, l.cfg.Host.ID())
		}
	}
	self := l.cfg.Host.ID()
	rank := func(id peer.ID) string { h := sha256.Sum256([]byte(self + id)); return string(h[:]) }
	slices.SortFunc(ids, func(a, b peer.ID) int { return strings.Compare(rank(a), rank(b)) })
	return slices.Compact(ids)
}

// startBee starts a bee at one hive, and the pool with the first one.
func (l *Labour) startBee(ctx context.Context, group *errgroup.Group, wish *Wish, id peer.ID) error {
	if l.pool == nil {
		p, err := newPool(l.execDir(), wish, l.cfg)
		if err != nil {
			return err
		}
		l.pool = p
	}
	at, modules, err := l.hiveAt(ctx, id)
	if err != nil {
		return err
	}
	cfg := bee.Config{
		Hive: at, Runner: &runner{l.pool, modules, l.cache, l.saved}, Kinds: []work.Kind{work.WASM}, Slots: wish.Slots,
		Memory: uint64(l.pool.Most().Memory), Wall: l.pool.Most().Wall,
		Logger: l.log.With("part", "bee", "hive", id),
	}
	for _, n := range wish.Native {
		cfg.Names = append(cfg.Names, n.Name)
	}
	if len(cfg.Names) > 0 {
		cfg.Kinds = append(cfg.Kinds, work.Native)
	}
	life, stop := context.WithCancel(ctx)
	w := &worker{stop: stop, done: make(chan struct{}), wanted: time.Now()}
	group.Go(func() error {
		defer l.Look()
		defer close(w.done)
		defer stop()
		return bee.New(cfg).Run(life)
	})
	l.mu.Lock()
	l.bees[id] = w
	l.mu.Unlock()
	l.log.Info("a bee works", "hive", id, "slots", wish.Slots)
	return nil
}

// hiveAt is a hive as a bee of this node sees it, and where its modules come
// from.
func (l *Labour) hiveAt(ctx context.Context, id peer.ID) (bee.Hive, modules, error) {
	if id == l.cfg.Host.ID() {
		h := l.current()
		if h == nil {
			return nil, nil, fmt.Errorf("this node is no hive: %w", hive.ErrStopped)
		}
		at, err := h.Session(ctx, work.Member{Peer: id})
		return at, ownModules{h.Modules()}, err
	}
	var owner ed25519.PrivateKey
	if l.cfg.Owner != nil {
		key, err := l.cfg.Owner(id)
		if err != nil {
			return nil, nil, err
		}
		owner = key
	}
	c := dispatch.NewClient(dispatch.ClientConfig{Host: l.cfg.Host, Mesh: l.cfg.Mesh, Hive: id, Owner: owner})
	return c, c, nil
}

// pool is what runs units, as a wish has it.
type pool struct {
	*exec.Pool
	wish Wish
}

func newPool(dir string, wish *Wish, cfg Config) (*pool, error) {
	c := exec.Config{Dir: dir, Slots: wish.Slots, Memory: wish.Memory, Wall: time.Duration(wish.Wall) * time.Second, Logger: cfg.Logger.With("part", "exec"), Registerer: cfg.Registerer}
	for _, n := range wish.Native {
		c.Commands = append(c.Commands, n.command())
	}
	p, err := exec.New(c)
	if err != nil {
		return nil, err
	}
	return &pool{p, *wish}, nil
}

func (l *Labour) closePool() error {
	if l.pool == nil {
		return nil
	}
	p := l.pool
	l.pool = nil
	return p.Close()
}

// modules are where a bee gets modules from.
type modules interface {
	Module(ctx context.Context, hash [sha256.Size]byte) ([]byte, error)
}
