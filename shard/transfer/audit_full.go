package transfer

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// full fetches every shard, one at a time from each host.
func (a *auditor) full(ctx context.Context, hosts []*surveyed) error {
	longest := 1
	for _, length := range a.s.contents.lengths {
		longest = max(longest, int(length))
	}
	for _, h := range hosts {
		for _, at := range h.shards {
			if at.verdict() == verdictOK {
				a.progress.Total += int64(a.s.contents.lengths[at.segment()])
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(max(1, a.room/longest), askAtOnce))
	for _, h := range hosts {
		if h.state != verdictOK {
			continue
		}
		group.Go(func() error { return a.readAll(ctx, h, make([]byte, longest)) })
	}
	return group.Wait()
}

// readAll fetches all that one host lists, until it stops answering.
func (a *auditor) readAll(ctx context.Context, h *surveyed, buf []byte) error {
	next := 0
	for segment, err := range a.s.m.Segments() {
		if err != nil {
			return err
		}
		for ; next < len(h.shards) && h.shards[next].segment() == segment.Number; next++ {
			at := h.shards[next]
			if at.verdict() != verdictOK {
				continue
			}
			body := buf[:a.s.contents.lengths[segment.Number]]
			err := a.read(ctx, h, segment.Shards[at.index()], body)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			v, stop := fetchVerdict(err)
			if stop {
				h.state, h.why = v, reason(err)
				for i := range h.shards[next:] {
					if h.shards[next+i].verdict() == verdictOK {
						h.shards[next+i] = h.shards[next+i].with(v)
					}
				}
				return nil
			}
			h.shards[next] = at.with(v)
			a.step(int64(len(body)))
		}
	}
	return nil
}

// read fetches one shard and compares its bytes.
func (a *auditor) read(ctx context.Context, h *surveyed, id shard.ID, body []byte) error {
	limit := auditLimit + time.Duration(len(body)>>15)*time.Second // 32 KiB/s
	err := insist(ctx, limit, func(ctx context.Context) error {
		return a.ask.fetch(ctx, h.peer, id, body, func(n int) { a.received.Add(int64(n)) })
	})
	if err == nil && shard.Sum(body) != id {
		return wire.ErrDamaged
	}
	return err
}

// fetchVerdict says what a fetch shows of its shard, and whether the host is not
// worth another.
func fetchVerdict(err error) (v verdict, stop bool) {
	switch {
	case err == nil:
		return verdictOK, false
	case errors.Is(err, wire.ErrNotFound):
		return verdictMissing, false
	case errors.Is(err, wire.ErrDamaged):
		return verdictWrong, false
	}
	return stateOf(err), true
}
