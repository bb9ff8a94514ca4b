package kad

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/peer"
)

// bounded keeps others from filling the datastore with provider records, which
// kad-dht takes from anybody for any key. Its rows are
//
//	/providers/KEY/PEER → time
//
// with KEY and PEER in base32. A new one beyond a limit is left out without an
// error, so that the other rows of its batch are written; one that is there
// already can always be renewed. Our own are not counted. The counts are made
// from the rows when the Table is.
type bounded struct {
	datastore.Batching
	own    string // the last part of our own rows
	limits limits
	log    *slog.Logger

	mu   sync.Mutex // held over every write: the counts are those of the rows
	seed maphash.Seed
	all  int
	of   map[uint64]int // by the hash of the peer: ids would take five times the memory
	told time.Time
}

// limits bound the records of others.
type limits struct{ all, ofPeer int }

// tellAgain is the time between two warnings that records are refused.
const tellAgain = time.Hour

func newBounded(ctx context.Context, d datastore.Batching, self peer.ID, l limits, log *slog.Logger) (*bounded, error) {
	b := &bounded{
		Batching: d, own: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(self)), limits: l, log: log,
		seed: maphash.MakeSeed(), of: make(map[uint64]int),
	}
	rows, err := d.Query(ctx, query.Query{Prefix: records.ProvidersKeyPrefix, KeysOnly: true})
	if err != nil {
		return nil, fmt.Errorf("count records: %w", err)
	}
	for row, more := rows.NextSync(); more; row, more = rows.NextSync() {
		if row.Error != nil {
			return nil, errors.Join(fmt.Errorf("count records: %w", row.Error), rows.Close())
		}
		b.count(row.Key, 1)
	}
	return b, rows.Close()
}

// provider returns the peer part of a row's key, empty for our own rows and for
// what is no record.
func (b *bounded) provider(key string) string {
	key, ok := strings.CutPrefix(key, records.ProvidersKeyPrefix)
	if _, p, found := strings.Cut(key, "/"); ok && found && p != b.own {
		return p
	}
	return ""
}

// count adds n to the counts of a row's peer.
func (b *bounded) count(key string, n int) {
	p := b.provider(key)
	if p == "" {
		return
	}
	hash := maphash.String(b.seed, p)
	b.all += n
	if b.of[hash] += n; b.of[hash] == 0 {
		delete(b.of, hash)
	}
}

// admits tells whether one more row may be written.
func (b *bounded) admits(key string) bool {
	p := b.provider(key)
	if p == "" {
		return true
	}
	if b.all < b.limits.all && b.of[maphash.String(b.seed, p)] < b.limits.ofPeer {
		return true
	}
	if time.Since(b.told) > tellAgain {
		b.told = time.Now()
		b.log.Warn("provider records are refused", "kept", b.all, "most", b.limits.all, "most of a peer", b.limits.ofPeer)
	}
	return false
}

// Put writes a row, or leaves it out.
func (b *bounded) Put(ctx context.Context, key datastore.Key, value []byte) error {
	return b.write(ctx, map[datastore.Key]change{key: {value: value}})
}

// Delete removes a row.
func (b *bounded) Delete(ctx context.Context, key datastore.Key) error {
	return b.write(ctx, map[datastore.Key]change{key: {remove: true}})
}

// Batch collects writes until Commit.
func (b *bounded) Batch(context.Context) (datastore.Batch, error) {
	return &boundedBatch{to: b, changes: make(map[datastore.Key]change)}, nil
}

type change struct {
	value  []byte
	remove bool
}

type boundedBatch struct {
	to      *bounded
	changes map[datastore.Key]change // the last word for each key
}

func (b *boundedBatch) Put(_ context.Context, key datastore.Key, value []byte) error {
	b.changes[key] = change{value: value}
	return nil
}

func (b *boundedBatch) Delete(_ context.Context, key datastore.Key) error {
	b.changes[key] = change{remove: true}
	return nil
}

func (b *boundedBatch) Commit(ctx context.Context) error { return b.to.write(ctx, b.changes) }

// write carries out changes in one batch, as far as the bounds allow. A batch
// that fails has changed no count.
func (b *bounded) write(ctx context.Context, changes map[datastore.Key]change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch, err := b.Batching.Batch(ctx)
	if err != nil {
		return err
	}
	counted := make(map[string]int)
	for key, c := range changes {
		if err = b.stage(ctx, batch, key, c, counted); err != nil {
			break
		}
	}
	if err == nil {
		err = batch.Commit(ctx)
	}
	if err != nil {
		for key, n := range counted {
			b.count(key, -n)
		}
	}
	return err
}

func (b *bounded) stage(ctx context.Context, batch datastore.Batch, key datastore.Key, c change, counted map[string]int) error {
	there, err := b.Has(ctx, key)
	if err != nil {
		return err
	}
	n := 0
	switch {
	case c.remove && there:
		n = -1
	case !c.remove && !there && !b.admits(key.String()):
		return nil
	case !c.remove && !there:
		n = 1
	}
	b.count(key.String(), n)
	counted[key.String()] = n
	if c.remove {
		return batch.Delete(ctx, key)
	}
	return batch.Put(ctx, key, c.value)
}
