package store

import (
	"errors"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// life is a store and what it must have promised.
type life struct {
	*home
	t     *testing.T
	clock *testClock
	// until is when each owner's shard may go at the earliest.
	until map[promised]time.Time
}

type promised struct {
	owner byte
	shard int
}

// TestUsedIsWhatIsOnDisk lets anything happen in any order: used space is what
// the files come to, each row is owed to another, and what was promised is
// there.
func TestUsedIsWhatIsOnDisk(t *testing.T) {
	shards := [][]byte{fixedBytes(1, 1), fixedBytes(2, 1000), fixedBytes(3, groupSize+1), fixedBytes(4, 40_000)}
	rapid.Check(t, func(r *rapid.T) {
		l := &life{home: &home{dir: t.TempDir()}, t: t, clock: &testClock{}, until: make(map[promised]time.Time)}
		l.open(t, l.clock.use)
		defer l.close(t)
		for range rapid.IntRange(1, 10).Draw(r, "steps") {
			which := promised{owner: rapid.ByteRange(1, 3).Draw(r, "owner"), shard: rapid.IntRange(0, len(shards)-1).Draw(r, "shard")}
			switch rapid.SampledFrom([]string{"offer", "draft", "broken", "renew", "delete", "pass", "pass", "jump", "reopen"}).Draw(r, "step") {
			case "offer":
				l.offer(which, shards[which.shard], false)
			case "draft":
				l.offer(which, shards[which.shard], true)
			case "broken":
				_, err := l.store.Receive(t.Context(), l.lot(which, shards[which.shard]), sends(shards[which.shard][:len(shards[which.shard])/2]))
				if err != nil && !errors.Is(err, wire.ErrDeleted) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
					r.Fatal(err)
				}
			case "renew":
				l.renew(which.owner, shards)
			case "delete":
				if _, err := l.store.Delete(newOwner(t, which.owner).grant); err != nil {
					r.Fatal(err)
				}
				for i := range shards {
					delete(l.until, promised{which.owner, i})
				}
			case "pass":
				l.clock.pass(rapid.SampledFrom([]time.Duration{time.Hour, 23 * time.Hour, 4 * day, 8 * day, 58 * day}).Draw(r, "passes"))
			case "jump":
				l.clock.jump(rapid.SampledFrom([]time.Duration{-300 * day, -time.Hour, time.Hour, 300 * day}).Draw(r, "jumps"))
				l.until = make(map[promised]time.Time) // which clock was promised by?
			case "reopen":
				l.reopen(t, l.clock.use)
			}
			mustExpire(t, l.store)
			l.check(shards)
			if t.Failed() {
				r.FailNow()
			}
		}
	})
}

func (l *life) lot(which promised, data []byte) shard.Lot {
	return newOwner(l.t, which.owner).lot(l.t, data, uint32(which.shard), 0)
}

func (l *life) offer(which promised, data []byte, draft bool) {
	l.t.Helper()
	lot := l.lot(which, data)
	lot.Draft = draft
	end, err := l.store.Receive(l.t.Context(), lot, sends(data))
	switch {
	case errors.Is(err, wire.ErrDeleted):
	case err != nil:
		l.t.Error(err)
	case draft:
		end = l.clock.now().Add(DraftTime - time.Minute)
		fallthrough
	default:
		if end.After(l.until[which]) {
			l.until[which] = end
		}
	}
}

func (l *life) renew(owner byte, shards [][]byte) {
	l.t.Helper()
	rows, _, err := l.store.Renew(newOwner(l.t, owner).grant, nil, 90*day, nil, 100)
	if err != nil && !errors.Is(err, wire.ErrDeleted) {
		l.t.Error(err)
	}
	for _, row := range rows {
		for i, data := range shards {
			if shard.Sum(data) == row.Shard {
				l.until[promised{owner, i}] = time.Unix(row.LeaseEnd, 0)
			}
		}
	}
}

func (l *life) check(shards [][]byte) {
	l.t.Helper()
	checkWhole(l.t, l.store)
	for which, until := range l.until {
		if l.clock.now().Before(until) && !isHere(l.t, l.store, newOwner(l.t, which.owner), shards[which.shard]) {
			l.t.Errorf("shard %d of owner %d is gone %s before its time", which.shard, which.owner, until.Sub(l.clock.now()))
		}
	}
}
