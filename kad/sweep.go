package kad

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/namespace"
	"github.com/libp2p/go-libp2p-kad-dht/provider"
	"github.com/libp2p/go-libp2p-kad-dht/provider/keystore"
	kbucket "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
	"golang.org/x/time/rate"
)

// Keys of the announcing state: usedKey is there once anything was announced,
// cleanKey between a close and the next start; prefixKey is kad-dht's, written
// when it closes.
var (
	usedKey   = datastore.NewKey("used")
	cleanKey  = datastore.NewKey("clean")
	prefixKey = datastore.NewKey("avg_prefix_len")
)

// sweep announces a list of locators region by region: one lookup finds the
// servers of a region of the key space, and each is sent all it is to keep.
type sweep struct {
	provider *provider.SweepingProvider
	list     *list
	state    datastore.Batching
}

// list is kad-dht's list of what is announced. StartProviding keeps it to
// itself when the list cannot be written, so the list remembers it.
type list struct {
	*keystore.ResettableKeystore
	failed atomic.Pointer[error]
}

// Put adds to the list.
func (l *list) Put(ctx context.Context, keys ...multihash.Multihash) ([]multihash.Multihash, error) {
	fresh, err := l.ResettableKeystore.Put(ctx, keys...)
	if err != nil {
		l.failed.Store(&err)
	}
	return fresh, err
}

// takeErr returns the error of a Put since it was asked last.
func (l *list) takeErr() error {
	if err := l.failed.Swap(nil); err != nil {
		return *err
	}
	return nil
}

// announced is where the announcing keeps its state.
func (t *Table) announced() datastore.Batching {
	return namespace.Wrap(t.store, datastore.NewKey("announce"))
}

// startSweep resumes the round of announcing that an orderly close left. After
// anything else the whole list is announced again: kad-dht keeps what it has
// not sent yet in memory, and would take a listed locator for announced.
func (t *Table) startSweep(ctx context.Context) (*sweep, error) {
	s := &sweep{state: t.announced()}
	clean, err := s.state.Has(ctx, cleanKey)
	if err != nil {
		return nil, fmt.Errorf("announce: %w", err)
	}
	sized, err := s.state.Has(ctx, prefixKey)
	if err != nil {
		return nil, fmt.Errorf("announce: %w", err)
	}
	if err := errors.Join(s.state.Put(ctx, usedKey, nil), s.state.Delete(ctx, cleanKey), s.state.Sync(ctx, cleanKey)); err != nil {
		return nil, fmt.Errorf("announce: %w", err)
	}
	keys, err := keystore.NewResettableKeystore(namespace.Wrap(s.state, datastore.NewKey("keys")))
	if err != nil {
		return nil, fmt.Errorf("announce: %w", err)
	}
	s.list = &list{ResettableKeystore: keys}
	r := &router{Table: t, limit: rate.NewLimiter(announceRate, announceBurst)}
	s.provider, err = provider.New(
		provider.WithPeerID(t.host.ID()), // without the host: it would clear addresses others use
		provider.WithRouter(r),
		provider.WithMessageSender(t.dht.MessageSender()),
		provider.WithSelfAddrs(t.host.Addrs),
		provider.WithKeystore(s.list),
		provider.WithDatastore(s.state),
		provider.WithResumeCycle(clean && sized),
		provider.WithReplicationFactor(BucketSize),
		provider.WithReprovideInterval(AnnounceInterval),
		provider.WithOfflineDelay(neverOffline),
		provider.WithConnectivityCheckOnlineInterval(watchFull),
		provider.WithConnectivityCallbacks(r.online.set, r.online.unset, nil),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("announce: %w", err), s.list.Close())
	}
	return s, nil
}

// close stops announcing and writes down how far it got.
func (s *sweep) close() error {
	ctx := context.Background()
	err := errors.Join(s.provider.Close(), s.list.Close())
	if err == nil {
		err = errors.Join(s.state.Put(ctx, cleanKey, nil), s.state.Sync(ctx, cleanKey))
	}
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

// router is the DHT as the sweep sees it. A lookup is bounded and paced, finding
// nobody is an error (kad-dht's sweep would take a record sent to no server for
// announced), and the sweep's probing while offline waits for the first peer
// instead of asking less and less often.
type router struct {
	*Table
	limit  *rate.Limiter
	online flag
}

type flag struct{ atomic.Bool }

func (f *flag) set()   { f.Store(true) }
func (f *flag) unset() { f.Store(false) }

// GetClosestPeers is what the sweep calls to probe, with our own id, to measure
// the mesh, and to find the servers of a region or of one record.
func (r *router) GetClosestPeers(ctx context.Context, key string) ([]peer.ID, error) {
	ids, err := r.lookup(ctx, key)
	switch {
	case ctx.Err() != nil && key[0] == multihash.BLAKE3:
		return nil, ctx.Err() // the sweep then keeps the record queued
	case ctx.Err() != nil:
		return nil, nil // an error would make its measuring sleep a second before it ends
	case len(ids) > 0:
		return ids, nil
	case err == nil:
		return nil, kbucket.ErrLookupFailure
	}
	return nil, err
}

func (r *router) lookup(ctx context.Context, key string) ([]peer.ID, error) {
	probe := key == string(r.host.ID()) && !r.online.Load()
	if err := r.company(ctx, probe); err != nil {
		return nil, err
	}
	if err := r.limit.Wait(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := r.within(ctx, LookupTimeout)
	defer cancel()
	return r.dht.GetClosestPeers(ctx, key)
}

// company returns when somebody is in the table; it waits for that as long as
// it takes, or at most a second.
func (r *router) company(ctx context.Context, patient bool) error {
	limit := time.Now().Add(time.Second)
	for r.Size() == 0 {
		if !patient && time.Now().After(limit) {
			return kbucket.ErrLookupFailure
		}
		if !sleep(ctx, watchEmpty) {
			return ctx.Err()
		}
	}
	return nil
}
