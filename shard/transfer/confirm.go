package transfer

import (
	"context"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// confirmEvery is how often a long put confirms what stands: hosts drop a day
// later what nobody confirmed.
const confirmEvery = 12 * time.Hour

// maxBrings is how often a put goes through its file: once, and again when hosts
// do not confirm what others could take, and when those die as well.
const maxBrings = 3

// move brings every segment to its hosts, and has each host confirm what it
// keeps: until then the shards are drafts. Where one does not confirm and others
// can step in, a file is read once more and what is missing is sent to those;
// what is missing in the end counts as if it had no receipt.
func (p *put) move(ctx context.Context) (int, shard.Private, error) {
	short := p.missing
	for brings := 1; ; brings++ {
		count, private, err := p.bring(ctx)
		if err != nil {
			return 0, private, err
		}
		whole := Progress{Phase: "confirm", Done: private.Size, Total: private.Size}
		p.report(whole)
		last := brings == maxBrings || p.source.Stream != nil
		lack, err := p.confirm(ctx, count, last)
		if err != nil || lack.shards == 0 {
			return count, private, err
		}
		if last || lack.movable == 0 {
			return count, private, p.settle(ctx, count)
		}
		if err := p.reread(); err != nil {
			return 0, private, err
		}
		whole.Note = english.Plural(lack.shards, "shard is not confirmed by its host and is sent again", "shards are not confirmed by their hosts and are sent again")
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

// confirm has every host confirm what it did not confirm yet, and returns what is
// still lacking. With last, nobody is passed over for being slow: those who could
// step in would not get the bytes any more.
func (p *put) confirm(ctx context.Context, count int, last bool) (lack, error) {
	c, err := p.newConfirmation(count)
	if err != nil {
		return lack{}, err
	}
	if last {
		c.room = nil
	}
	c.run(ctx)
	if ctx.Err() != nil {
		return lack{}, context.Cause(ctx)
	}
	return p.lacking(count)
}

// settle takes it as it is, now that nobody else can step in: hosts that cannot
// be reached are tried for a while, and then the file is judged.
func (p *put) settle(ctx context.Context, count int) error {
	for began := time.Now(); time.Since(began) < p.e.confirmPatience; {
		c, err := p.newConfirmation(count)
		if err != nil {
			return err
		}
		if c.hosts = p.unreached(c.hosts); len(c.hosts) == 0 {
			break
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		c.room = nil
		if c.run(ctx); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return p.judgeConfirmed(count)
}

// unreached returns those of the hosts that could not be reached when they were
// to confirm, but for those whose time was up before.
func (p *put) unreached(hosts []peer.ID) (some []peer.ID) {
	for _, h := range hosts {
		if stateOf(p.kept[h].err) == verdictUnreachable && !p.roster.gaveUp(h) {
			some = append(some, h)
		}
	}
	return some
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
