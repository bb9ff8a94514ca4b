package transfer

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// segment is one segment on its way to its hosts.
type segment struct {
	sealing sealing
	plain   int               // bytes of plaintext
	length  int               // bytes of a shard
	shards  [][]byte          // in one slab, see [put.cut]; nil when every shard is under receipt already
	known   map[uint8]peer.ID // who gave receipts in an earlier try, by index
	done    bool              // whole since an earlier try
}

// readSegment reads the next segment into slab, and seals and encodes it there,
// unless an earlier try has all its receipts.
func (p *put) readSegment(number uint32, slab []byte, full int) (*segment, error) {
	length, last, err := p.in.segment(slab[:full])
	if err != nil {
		return nil, err
	}
	plain := slab[:length:cap(slab)]
	sum := shard.SumPlain(plain)
	s := &segment{plain: length}
	if known := p.journal.segment(number); known != nil && known.sealing.same(length, last, sum) {
		s.sealing, s.known = known.sealing, p.holdersOf(known)
		s.done = known.whole && !p.stale && len(s.known) == p.scheme.Shards()
		if s.done {
			return s, nil
		}
	} else {
		s.sealing = sealing{Number: number, Sealed: length + shard.SealOverhead, Last: last, Nonce: shard.NewNonce(), Plain: sum}
		if err := p.journal.append(recordSegment, s.sealing, true); err != nil {
			return nil, err
		}
	}
	return s, p.encode(s, slab, plain)
}

// holdersOf returns who gave a receipt for which index of a segment, and
// confirmed it if that was asked.
func (p *put) holdersOf(known *progressOf) map[uint8]peer.ID {
	holders := map[uint8]peer.ID{}
	for index, r := range known.receipts {
		if p.stands(r.Host, r.Segment, index) {
			holders[index] = r.Host
		}
	}
	if _, done, err := p.journal.finished(known.sealing.Number); err == nil {
		for _, at := range done.Placed {
			if p.stands(at.Host, known.sealing.Number, at.Index) && p.journal.trusts(at.Host, known.done) {
				holders[at.Index] = at.Host
			}
		}
	}
	return holders
}

func (p *put) encode(s *segment, slab, plain []byte) error {
	s.length = p.scheme.ShardLength(s.sealing.Sealed)
	sealed := p.sealer.Seal(plain, s.sealing.Number, s.sealing.Last, s.sealing.Nonce)
	clear(slab[len(sealed) : p.scheme.Data*s.length])
	if s.shards = p.cut(slab, s.length); p.scheme.Data == 1 {
		return nil
	}
	if err := p.coder.Encode(s.shards); err != nil {
		return fmt.Errorf("encode segment %d: %w", s.sealing.Number, err)
	}
	return nil
}

// cut names the shards in a slab. Where there is one data shard all are copies of
// it, and it is there once.
func (p *put) cut(slab []byte, length int) [][]byte {
	if p.scheme.Data == 1 {
		return slices.Repeat([][]byte{slab[:length:length]}, p.scheme.Shards())
	}
	return p.scheme.Split(slab, length)
}

// slabLength is the bytes that a full segment of so many sealed bytes takes with
// all its shards.
func (p *put) slabLength(full int) int {
	if p.scheme.Data == 1 {
		return p.scheme.ShardLength(full)
	}
	return p.scheme.Shards() * p.scheme.ShardLength(full)
}

// place sees to it that a segment is under receipt, and notes that it is.
func (p *put) place(ctx context.Context, s *segment) error {
	if s.done {
		p.safe.all(s.plain)
		return nil
	}
	d := p.newDelivery(s)
	if err := d.run(ctx); err != nil {
		return err
	}
	f := finished{Number: s.sealing.Number, Placed: d.placed}
	for _, id := range d.ids {
		f.Shards = append(f.Shards, id[:]...)
	}
	return p.journal.append(recordDone, f, false)
}

// safety counts the bytes of the file that are under receipt and reports them.
type safety struct {
	mu     sync.Mutex
	shards int
	total  int64
	units  int64 // bytes of plaintext × shards under receipt
	report func(Progress)
}

func newSafety(shards int, total int64, report func(Progress)) *safety {
	return &safety{shards: shards, total: total, report: report}
}

// one counts one of a segment's receipts, all its whole plaintext.
func (s *safety) one(plain int) { s.add(int64(plain)) }
func (s *safety) all(plain int) { s.add(int64(plain) * int64(s.shards)) }

func (s *safety) add(units int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.units += units
	s.report(Progress{Phase: "put", Done: s.units / int64(s.shards), Total: s.total})
}
