package transfer

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// How long a host may take over one RENEW of up to 256 shards, and over all of
// them but for 2 s a page.
const (
	renewLimit = 30 * time.Second
	renewTime  = 3 * time.Minute
)

// Renew prolongs the leases of a file's shards to lease from now, at every host
// of it that can be found, and returns how many hosts promised how many shards of
// it. A host that does not answer, or whose clock is far from ours, is not
// counted. A file whose owner has set a time for it to go (which only a read
// manifest tells) is renewed up to that time, and not at all after it. Errors
// are those of the manifest and of ctx, and wire.ErrBadRequest for a lease that
// no host gives.
func (e *Engine) Renew(ctx context.Context, manifest string, lease time.Duration) (hosts, shards int, err error) {
	if lease < time.Second || lease > shard.LeaseMax {
		return 0, 0, wire.ErrBadRequest.With("lease of %s", lease)
	}
	m, closeManifest, err := e.openManifest(manifest)
	if err != nil {
		return 0, 0, err
	}
	defer closeManifest()
	if m.Private != nil && m.Private.Expires != 0 {
		lease = min(lease, time.Until(time.Unix(m.Private.Expires, 0)))
	}
	if lease < time.Second {
		return 0, 0, nil
	}
	c, err := contentsOf(m)
	if err != nil {
		return 0, 0, err
	}
	last, _ := readHealthFile(manifest)
	kept := e.warrant(m).renewAt(ctx, e.knownHosts(ctx, m, last), lease, c, c.size())
	for _, k := range kept {
		if len(k.places) > 0 {
			hosts++
			shards += len(k.places)
		}
	}
	return hosts, shards, context.Cause(ctx)
}

// contentsOf reads what shards a file has.
func contentsOf(m *shard.Manifest) (*contents, error) {
	c := &contents{shards: m.Scheme.Shards()}
	for s, err := range m.Segments() {
		if err != nil {
			return nil, err
		}
		c.add(s.Shards, m.Scheme.ShardLength(s.Sealed))
	}
	return c, nil
}

// knownHosts returns the manifest's hosts, those that announced the file and
// those of its health file.
func (e *Engine) knownHosts(ctx context.Context, m *shard.Manifest, last healthFile) []peer.ID {
	all := e.everyHost(ctx, m)
	seen := map[peer.ID]bool{e.apart(): true}
	for _, p := range all {
		seen[p] = true
	}
	for _, h := range last.Hosts {
		if !seen[h.Peer] {
			seen[h.Peer] = true
			all = append(all, h.Peer)
		}
	}
	return all
}

// kept is what one host has promised to go on keeping.
type kept struct {
	places []holding // sorted
	err    error     // why it promised no more
}

// renewAt has every host prolong all that it keeps of the file, at most most
// shards, all hosts at once, one batch each. What is not in c is prolonged and not
// returned.
func (w *warrant) renewAt(ctx context.Context, hosts []peer.ID, lease time.Duration, c *contents, most int) map[peer.ID]kept {
	var (
		mu    sync.Mutex
		wait  sync.WaitGroup
		all   = map[peer.ID]kept{}
		slots = make(chan struct{}, askAtOnce)
	)
	for _, p := range hosts {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			k := w.renewOne(ctx, p, lease, c, most, func() {})
			mu.Lock()
			defer mu.Unlock()
			all[p] = k
		})
	}
	wait.Wait()
	return all
}

// renewOne has one host prolong all that it keeps of the file. It calls came with
// every receipt.
func (w *warrant) renewOne(ctx context.Context, p peer.ID, lease time.Duration, c *contents, most int, came func()) (k kept) {
	k.err = w.renewAll(ctx, p, uint32(lease/time.Second), most, func(r shard.Receipt) {
		came()
		if c.has(r.Shard, r.Segment, r.Index, r.Length) && len(k.places) < c.size()+maxCandidates {
			k.places = append(k.places, newHolding(r.Segment, r.Index))
		}
	})
	k.places = sorted(k.places)
	if k.err != nil {
		w.e.log.InfoContext(ctx, "host does not renew", "peer", p, "err", k.err)
	}
	return k
}

// renewAll gives take every receipt of one host, which the client has verified.
// It asks for twice the pages that most receipts fill.
func (w *warrant) renewAll(ctx context.Context, p peer.ID, lease uint32, most int, take func(shard.Receipt)) error {
	if err := w.connect(ctx, p); err != nil {
		return err
	}
	pages := most/renewPage + 1
	ctx, cancel := context.WithTimeout(ctx, renewTime+time.Duration(pages)*2*time.Second)
	defer cancel()
	var cursor []byte
	for range 2*pages + 16 { // a page without a receipt is none the less one
		var receipts []wire.Signed
		var next []byte
		err := insist(ctx, renewLimit, func(ctx context.Context) error {
			order, err := w.sign(p, shard.OrderRenew, shard.Order{Lease: lease, Cursor: cursor})
			if err == nil {
				receipts, next, err = w.e.cfg.Client.Renew(ctx, p, w.grant, order)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, signed := range receipts {
			var r shard.Receipt
			if err := wire.Unmarshal(signed.Body, &r); err != nil {
				return err
			}
			take(r)
		}
		if cursor = next; cursor == nil {
			return nil
		}
	}
	return nil
}

const renewPage = 256 // receipts
