package feedtest

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/feed"
	"github.com/batchain/batchain/work/hive"
)

// project is the one of all tests: its program squares numbers.
const project = "squares"

func square(_ context.Context, input []byte) ([]byte, error) {
	var n int64
	if err := json.Unmarshal(input, &n); err != nil || n < 0 {
		return nil, errors.New("no number to square")
	}
	return json.Marshal(n * n)
}

// world is a hive in a folder with bees and a feed, in one process.
type world struct {
	dir    string
	bees   int
	config feed.Config                                    // without hive and project
	during func(context.Context, *hive.Hive) error        // runs beside; may be nil
	made   uint64                                         // units of the project at the end
	wrap   func(store feed.Store, kill func()) feed.Store // may be nil
}

// errKilled ends a world as a kill does: between two steps, without a word to
// anybody.
var errKilled = errors.New("killed")

// live runs the world until the feed ends, and returns how.
func (w *world) live(ctx context.Context, store feed.Store) error {
	h, err := hive.Open(hive.Config{Dir: w.dir, Self: member(0), Strength: -1})
	if err != nil {
		return err
	}
	around, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	parts, inside := errgroup.WithContext(around)
	parts.Go(func() error { return h.Run(inside) })
	terms := work.Project{
		Name: project, Program: work.Program{Kind: work.Inline, Name: "square"}, Lease: 200 * time.Millisecond,
		Policy: work.Policy{Rule: work.Quorum, Quorum: 1, Errors: 1, Checks: -1},
	}
	if err := h.Create(inside, terms); err != nil {
		return err
	}
	programs := bee.Inline{"square": square}
	for n := range w.bees {
		session, err := h.Session(inside, work.Member{Peer: member(n + 1)})
		if err != nil {
			return err
		}
		b := bee.New(bee.Config{Hive: session, Runner: programs, Kinds: []work.Kind{work.Inline}, Names: programs.Names()})
		parts.Go(func() error { return b.Run(inside) })
	}
	if w.wrap != nil {
		store = w.wrap(store, func() { kill(errKilled) })
	}
	if w.during != nil {
		parts.Go(func() error { return w.during(inside, h) })
	}
	config := w.config
	config.Hive, config.Project, config.Store = h, project, store
	err = feed.Run(inside, config)
	if err == nil {
		s, showing := h.Show(inside, project)
		w.made, err = s.Made, showing
	}
	if killed := context.Cause(around); killed != nil {
		err = killed
	}
	kill(nil)
	if ending := parts.Wait(); err == nil {
		err = ending
	}
	return err
}

// member returns the same peer for the same number, in every process.
func member(n int) peer.ID {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = byte(n)
	key, err := crypto.UnmarshalEd25519PublicKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	id, err := peer.IDFromPublicKey(key)
	if err != nil {
		panic(err)
	}
	return id
}
