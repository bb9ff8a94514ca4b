package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// confirmEvery is how often a long put confirms what stands: hosts drop a day
// later what nobody confirmed.
const confirmEvery = 12 * time.Hour

// move brings every segment to its hosts, and has each host confirm what it
// keeps: until then the shards are drafts. Where one does not confirm, a file is
// read once more and what is missing is sent again; what is missing after that
// counts as if it had no receipt.
func (p *put) move(ctx context.Context) (int, shard.Private, error) {
	short := p.missing
	for again := false; ; again = true {
		count, private, err := p.bring(ctx)
		if err != nil {
			return 0, private, err
		}
		whole := Progress{Phase: "confirm", Done: private.Size, Total: private.Size}
		p.report(whole)
		last := again || p.source.Stream != nil
		lacking, err := p.confirm(ctx, count, last)
		if err != nil || lacking == 0 {
			return count, private, err
		}
		if last {
			return count, private, p.judgeConfirmed(count)
		}
		if err := p.reread(); err != nil {
			return 0, private, err
		}
		whole.Note = english.Plural(lacking, "shard is not confirmed by its host and is sent again", "shards are not confirmed by their hosts and are sent again")
		p.report(whole)
		p.missing, p.stale, p.safe = short, false, newSafety(p.scheme.Shards(), private.Size, func(Progress) { p.report(whole) })
	}
}

// bring moves the segments, and confirms meanwhile what stands already.
func (p *put) bring(ctx context.Context) (int, shard.Private, error) {
	long, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { p.confirmMeanwhile(long) })
	count, private, err := p.segments(ctx)
	cancel()
	wait.Wait()
	if err == nil {
		err = p.in.unchanged(p.source.Path)
	}
	return count, private, err
}

// confirmMeanwhile keeps the drafts of a long put alive. Who does not confirm now
// is found out in the end.
func (p *put) confirmMeanwhile(ctx context.Context) {
	tick := time.NewTicker(p.e.confirmEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.confirmSome(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// confirmSome confirms what the journal knows by now: no host can have more of it
// than there is.
func (p *put) confirmSome(ctx context.Context) {
	shards := p.scheme.Shards()
	p.warrant().renewAt(ctx, p.journal.everyHost(), p.opts.Lease, &contents{shards: shards}, p.journal.begun()*shards)
}

func (p *put) warrant() *warrant {
	return &warrant{e: p.e, grant: p.grant, digest: p.digest, repair: p.repair}
}

// confirm has every host confirm what it keeps and returns how many shards under
// receipt were not confirmed. With last, hosts that cannot be reached are tried
// for a while.
func (p *put) confirm(ctx context.Context, count int, last bool) (lacking int, err error) {
	c, hosts, err := p.placedAt(count)
	if err != nil {
		return 0, err
	}
	p.kept, p.doubtful = map[peer.ID]kept{}, map[peer.ID]bool{}
	for began := time.Now(); ; {
		maps.Copy(p.kept, p.warrant().renewAt(ctx, hosts, p.opts.Lease, c, c.size()))
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		hosts = slices.DeleteFunc(hosts, func(h peer.ID) bool { return stateOf(p.kept[h].err) != verdictUnreachable })
		if len(hosts) == 0 || !last || time.Since(began) > p.e.confirmPatience {
			break
		}
		if err := pause(ctx, time.Second); err != nil {
			return 0, err
		}
	}
	for h, k := range p.kept {
		switch s := stateOf(k.err); {
		case s == verdictOK && len(k.places) == 0:
			p.roster.lose(h, "does not confirm what it promised")
		case s != verdictOK && s != verdictUnreachable && !predates(k.err):
			p.roster.lose(h, reason(k.err))
		}
	}
	err = p.eachPlaced(count, func(_ uint32, confirmed, all int) error {
		lacking += all - confirmed
		return nil
	})
	return lacking, err
}

// predates reports whether a host does not know RENEW: it does not know drafts
// either, so its receipt stands for the whole lease.
func predates(err error) bool { return errors.Is(err, wire.ErrUnsupported) }

// stands reports whether a host confirmed a shard, or was not asked to yet.
func (p *put) stands(h peer.ID, segment uint32, index uint8) bool {
	if p.kept == nil {
		return true
	}
	k, asked := p.kept[h]
	_, found := findHolding(k.places, newHolding(segment, index))
	return found || asked && predates(k.err)
}

// judgeConfirmed says whether enough of every segment is confirmed. When it is
// not, the next try does not count the receipts of the hosts that did not.
func (p *put) judgeConfirmed(count int) error {
	enough, want := p.scheme.Enough(), p.scheme.Shards()
	err := p.eachPlaced(count, func(number uint32, confirmed, _ int) error {
		if confirmed < enough {
			return &ShortError{Scheme: p.scheme, Need: enough, Have: confirmed, Known: p.known, Refused: p.unconfirmed(), Segment: int(number)}
		}
		if confirmed < want {
			p.fellShort(fmt.Sprintf("segment %d is confirmed by %s of %d", number, english.Plural(confirmed, "host", ""), want))
		}
		return nil
	})
	var short *ShortError
	if errors.As(err, &short) {
		for h := range p.doubtful {
			err = errors.Join(err, p.journal.append(recordDoubt, doubt{h}, false))
		}
	}
	return err
}

// unconfirmed counts why hosts were given up, or did not confirm.
func (p *put) unconfirmed() map[string]int {
	why := p.roster.reasons()
	for _, k := range p.kept {
		if stateOf(k.err) == verdictUnreachable {
			why[reason(k.err)]++
		}
	}
	return why
}

// eachPlaced tells of every segment how many of the shards under receipt are
// confirmed, and notes which hosts did not.
func (p *put) eachPlaced(count int, tell func(number uint32, confirmed, all int) error) error {
	for number := range uint32(count) {
		_, done, err := p.journal.finished(number)
		if err != nil {
			return err
		}
		confirmed := 0
		for _, at := range done.Placed {
			if p.stands(at.Host, number, at.Index) {
				confirmed++
			} else {
				p.doubtful[at.Host] = true
			}
		}
		if err := tell(number, confirmed, len(done.Placed)); err != nil {
			return err
		}
	}
	return nil
}

// placedAt reads from the journal what the shards are and who gave receipts.
func (p *put) placedAt(count int) (*contents, []peer.ID, error) {
	c, hosts := &contents{shards: p.scheme.Shards()}, map[peer.ID]bool{}
	for number := range uint32(count) {
		sealing, done, err := p.journal.finished(number)
		if err != nil {
			return nil, nil, err
		}
		c.add(done.ids(), p.scheme.ShardLength(sealing.Sealed))
		for _, at := range done.Placed {
			hosts[at.Host] = true
		}
	}
	return c, slices.Collect(maps.Keys(hosts)), nil
}

// reread goes back to the start of a source that is no stream. It is still held
// against what was opened first.
func (p *put) reread() error {
	in, err := openSource(p.source)
	if err != nil {
		return err
	}
	p.in.close()
	p.in.Reader, p.in.closer, p.in.plan = in.Reader, in.closer, in.plan
	return nil
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
