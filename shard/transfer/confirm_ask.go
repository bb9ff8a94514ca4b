package transfer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// confirmFloor is how long a host may say nothing before a confirmation goes on
// without it, at the least: disks that are busy with what just came take long. For
// one that has been silent before it is lagFloor where others can step in.
const confirmFloor = 3 * time.Second

// confirmation has hosts confirm what they keep, all at once. Lag is judged as
// in a delivery: against the median of the others, and one that lags is passed over
// only when others can take its shards. What it confirms after all, unheard, stays
// with it for a lease and is not counted on.
type confirmation struct {
	p        *put
	contents *contents
	hosts    []peer.ID       // that have anything not confirmed
	room     map[peer.ID]int // how many others can step in for a host, in the segment of its where fewest can

	mu      sync.Mutex
	waiting map[peer.ID]*waiting
	kept    map[peer.ID]kept
	times   []time.Duration // that hosts took to confirm, in earlier rounds as well
	again   bool            // this is a later round: the others answered in the first
	passed  int             // hosts that were passed over and took of the room
}

// waiting is a host that has not told everything yet.
type waiting struct {
	began  time.Time
	heard  time.Time // when its last receipt came
	cancel context.CancelCauseFunc
}

// newConfirmation reads from the journal what the shards are, who gave receipts
// that are not confirmed, and who could step in.
func (p *put) newConfirmation(count int) (*confirmation, error) {
	c := &confirmation{
		p: p, contents: &contents{shards: p.scheme.Shards()}, room: map[peer.ID]int{},
		waiting: map[peer.ID]*waiting{}, kept: map[peer.ID]kept{}, times: p.times, again: p.kept != nil,
	}
	open := map[peer.ID]bool{}
	for number := range uint32(count) {
		sealing, done, err := p.journal.finished(number)
		if err != nil {
			return nil, err
		}
		c.contents.add(done.ids(), p.scheme.ShardLength(sealing.Sealed))
		l := load{}
		for _, at := range done.Placed {
			l[at.Host]++
			open[at.Host] = open[at.Host] || p.kept == nil || !p.stands(at.Host, number, at.Index)
		}
		room := p.roster.room(l)
		for h := range l {
			if least, known := c.room[h]; !known || room < least {
				c.room[h] = room
			}
		}
	}
	for h, is := range open {
		if is {
			c.hosts = append(c.hosts, h)
		}
	}
	return c, nil
}

// run asks every host, and the put takes in what they say.
func (c *confirmation) run(ctx context.Context) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, askAtOnce)
	for _, h := range c.hosts {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			c.ask(ctx, h)
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait.Wait()
	}()
	check := time.NewTicker(lagCheck)
	defer check.Stop()
	for {
		select {
		case <-done:
			c.p.times = c.times
			c.p.heed(c.kept)
			return
		case <-check.C:
			c.passOver()
		}
	}
}

func (c *confirmation) ask(ctx context.Context, h peer.ID) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	now := time.Now()
	w := &waiting{began: now, heard: now, cancel: cancel}
	c.mu.Lock()
	c.waiting[h] = w
	c.mu.Unlock()
	k := c.p.warrant().renewOne(ctx, h, c.p.opts.Lease, c.contents, c.contents.size(), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		w.heard = time.Now()
	})
	if k.err != nil && errors.Is(context.Cause(ctx), errLagging) {
		k.err = errLagging
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, h)
	c.kept[h] = k
	if k.err == nil {
		c.times = append(c.times, time.Since(w.began))
	}
}

// passOver gives up waiting for hosts that lag.
func (c *confirmation) passOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.times)
	for h, w := range c.waiting {
		roomy := c.room[h] > c.passed
		if limit, ok := c.limit(c.p.roster.silent(h), roomy); ok && time.Since(w.heard) > limit {
			w.cancel(errLagging)
			delete(c.waiting, h)
			if roomy {
				c.passed++
			}
		}
	}
}

// limit is how long a host may say nothing, if there is a limit: for one that was
// silent before, and for others when half of the hosts have answered and somebody
// can step in.
func (c *confirmation) limit(silent, roomy bool) (time.Duration, bool) {
	half, usual := c.again || 2*len(c.kept) >= len(c.hosts), time.Duration(0)
	if n := len(c.times); n > 0 {
		usual = lagFactor * c.times[n/2]
	}
	if silent && roomy && half {
		return max(usual, lagFloor), true
	}
	return max(usual, c.p.e.confirmFloor), silent || roomy && half && usual > 0
}

// errForgot is what is wrong with a host that has nothing of what it gave receipts
// for.
var errForgot = wire.ErrNotFound.With("does not confirm what it promised")

// heed takes in what hosts said to RENEW. What was confirmed before stays so.
func (p *put) heed(said map[peer.ID]kept) {
	if p.kept == nil {
		p.kept = map[peer.ID]kept{}
	}
	for h, k := range said {
		switch {
		case k.err == nil && len(k.places) == 0:
			p.roster.lose(h, errForgot)
		case k.err == nil:
			p.roster.succeeded(h)
		case predates(k.err):
		case errors.Is(k.err, errLagging), stateOf(k.err) != verdictUnreachable:
			p.roster.lose(h, k.err)
		case !p.roster.gaveUp(h):
			p.roster.failed(h, k.err, time.Now(), patience)
		}
		p.kept[h] = kept{places: sorted(slices.Concat(p.kept[h].places, k.places)), err: k.err}
	}
}
