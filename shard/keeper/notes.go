package keeper

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// noteHosts is how many hosts shall have each note, where there are so many.
const noteHosts = 8

// maxPages bounds the pages of one RENEW.
const maxPages = 1 << 10

// opened is a note whose signature holds.
type opened struct {
	shard.SignedNote
	terms shard.Note
}

// notebook is what hosts have of a file's notes.
type notebook struct {
	mu     sync.Mutex
	newest map[uint32]opened             // by writer
	at     map[peer.ID]map[uint32]uint64 // of each host that answered, the number by writer
}

// readNotes asks hosts for a file's notes. Notes under another grant are
// somebody else's, whatever locator they claim.
func (k *Keeper) readNotes(ctx context.Context, f file, hosts []peer.ID) *notebook {
	b := &notebook{newest: map[uint32]opened{}, at: map[peer.ID]map[uint32]uint64{}}
	k.each(ctx, hosts, func(ctx context.Context, p peer.ID) {
		notes, err := k.cfg.Client.Notes(ctx, p, f.grant.Locator)
		if err != nil {
			k.log.DebugContext(ctx, "host gives no notes", "peer", p, "err", err)
			return
		}
		b.add(f, p, notes)
	})
	return b
}

func (b *notebook) add(f file, p peer.ID, notes []shard.SignedNote) {
	b.mu.Lock()
	defer b.mu.Unlock()
	has := map[uint32]uint64{}
	for _, n := range notes {
		if shard.GrantDigest(n.Grant) != f.digest {
			continue
		}
		terms, err := shard.OpenNote(n.Note, f.grant, f.digest)
		if err != nil || terms.Check(n.Blob) != nil {
			continue
		}
		has[terms.Writer] = max(has[terms.Writer], terms.Seq)
		last, known := b.newest[terms.Writer]
		if known && terms.Seq > last.terms.Seq || !known && len(b.newest) < shard.MaxWriters {
			b.newest[terms.Writer] = opened{n, terms}
		}
	}
	b.at[p] = has
}

// have returns the hosts that have the newest note of a writer.
func (b *notebook) have(n opened) int {
	count := 0
	for _, has := range b.at {
		if seq, ok := has[n.terms.Writer]; ok && seq >= n.terms.Seq {
			count++
		}
	}
	return count
}

// holders returns the hosts that have any note.
func (b *notebook) holders() []peer.ID {
	var hosts []peer.ID
	for p, has := range b.at {
		if len(has) > 0 {
			hosts = append(hosts, p)
		}
	}
	return hosts
}

// lack returns the hosts that answered and do not have the newest note of a
// writer: those with another of its notes first, then the closest to the
// locator, so that two keepers choose alike.
func (b *notebook) lack(l shard.Locator, n opened) []peer.ID {
	var hosts []peer.ID
	for p, has := range b.at {
		if seq, ok := has[n.terms.Writer]; !ok || seq < n.terms.Seq {
			hosts = append(hosts, p)
		}
	}
	byDistance(l, hosts)
	old := func(p peer.ID) int {
		if _, ok := b.at[p][n.terms.Writer]; ok {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(hosts, func(x, y peer.ID) int { return cmp.Compare(old(x), old(y)) })
	return hosts
}

// carryNotes brings the newest note of each writer to the hosts of a file that
// lack it, until enough have it.
func (k *Keeper) carryNotes(ctx context.Context, t task, o *outcome) error {
	hosts := slices.Clone(o.hosts)
	if !o.checked {
		hosts = placed(t.manifest)
	}
	for _, p := range k.find(ctx, t.grant.Locator) {
		if !slices.Contains(hosts, p) {
			hosts = append(hosts, p)
		}
	}
	b := k.readNotes(ctx, t.file, hosts[:min(len(hosts), maxFound)])
	for _, n := range b.newest {
		k.spreadNote(ctx, t.file, b, n, b.lack(t.grant.Locator, n))
	}
	if len(b.at) > 0 {
		o.reached, o.noted = true, k.cfg.Now().Unix()
	}
	return ctx.Err()
}

// spreadNote puts a note at some of the hosts, until enough have it; it reports
// whether they do.
func (k *Keeper) spreadNote(ctx context.Context, f file, b *notebook, n opened, to []peer.ID) bool {
	have := b.have(n)
	for _, p := range to {
		if have >= noteHosts || ctx.Err() != nil {
			break
		}
		if err := k.putNote(ctx, p, n); err != nil {
			k.log.DebugContext(ctx, "host does not take a note", "peer", p, "file", f.grant.Locator, "err", err)
			continue
		}
		k.metrics.notes.Inc()
		have++
		if b.at[p] == nil {
			b.at[p] = map[uint32]uint64{}
		}
		b.at[p][n.terms.Writer] = n.terms.Seq
	}
	return have >= noteHosts
}

func (k *Keeper) putNote(ctx context.Context, p peer.ID, n opened) error {
	err := k.ask(ctx, p, askTime, func(ctx context.Context) error {
		_, err := k.cfg.Client.PutNote(ctx, p, n.SignedNote, n.terms)
		return err
	})
	if errors.Is(err, wire.ErrStale) {
		return nil // it has a newer one, or another of this number: carried on the next time
	}
	return err
}

// tendNotes looks after a locator that has notes only: it renews them where
// they are, and brings them to new hosts until enough have them. This node is one
// of the hosts if it has any: of the newest it may have the only one.
func (k *Keeper) tendNotes(ctx context.Context, t task, o *outcome) error {
	found := k.find(ctx, t.grant.Locator)
	b := k.readNotes(ctx, t.file, append(found, k.self))
	own := b.at[k.self]
	delete(b.at, k.self)
	o.reached = len(b.at) > 0 // somebody else
	if len(own) > 0 {
		b.at[k.self] = own
	}
	o.hosts = b.holders()
	o.checked, o.alive = true, len(o.hosts) > 0
	k.renewNotes(ctx, t, b, o)
	var spares []peer.ID
	for _, n := range b.newest {
		if k.spreadNote(ctx, t.file, b, n, b.lack(t.grant.Locator, n)) {
			continue
		}
		if spares == nil {
			spares = ids(k.gather(k.cfg.Finder.Candidates(ctx), asSet(found)))
			byDistance(t.grant.Locator, spares)
		}
		k.spreadNote(ctx, t.file, b, n, slices.DeleteFunc(slices.Clone(spares), func(p peer.ID) bool {
			_, has := b.at[p][n.terms.Writer]
			return has
		}))
	}
	o.hosts = b.holders()
	o.margin, o.full = len(o.hosts)-1, noteHosts-1
	return ctx.Err()
}

// renewNotes prolongs the notes at their holders when a part of their lease is
// over.
func (k *Keeper) renewNotes(ctx context.Context, t task, b *notebook, o *outcome) {
	var lease time.Duration
	for _, n := range b.newest {
		lease = max(lease, time.Duration(n.terms.Lease)*time.Second)
	}
	if len(o.hosts) == 0 || age(k.cfg.Now(), t.renewed) < lease/renewPart {
		return
	}
	lease = k.lease(t, lease)
	var mu sync.Mutex
	whole := 0
	k.each(ctx, o.hosts, func(ctx context.Context, p peer.ID) {
		if err := k.renewAt(ctx, t.file, p, lease); err != nil {
			k.log.InfoContext(ctx, "host does not renew notes", "peer", p, "file", t.grant.Locator, "err", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		whole++
	})
	if whole > 0 {
		o.renewed = k.renewedAt(lease, whole == len(o.hosts))
	}
}

// renewAt prolongs all that a host has of a file.
func (k *Keeper) renewAt(ctx context.Context, f file, p peer.ID, lease time.Duration) error {
	var cursor []byte
	for range maxPages {
		order, err := k.order(f, p, shard.OrderRenew, shard.Order{Lease: uint32(lease / time.Second), Cursor: cursor})
		if err != nil {
			return err
		}
		if _, cursor, err = k.cfg.Client.Renew(ctx, p, f.signed, order); err != nil || cursor == nil {
			return err
		}
	}
	return wire.ErrBadRequest.With("more than %d pages", maxPages)
}

func asSet(peers []peer.ID) map[peer.ID]bool {
	set := map[peer.ID]bool{}
	for _, p := range peers {
		set[p] = true
	}
	return set
}
