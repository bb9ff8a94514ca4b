package kad

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/batchain/batchain/shard"
)

// Provide announces that this node holds shards of the file; call it after the
// commit. It only queues: the record goes out when Run gets to it and a server
// is known, and again every [AnnounceInterval] until Withdraw. Announcing a
// locator again changes nothing. It fails with [ErrBusy] when 65,536 calls
// wait; with Config.Locators the locator is then found in the next reading.
func (t *Table) Provide(ctx context.Context, l shard.Locator) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("provide %s: %w", l, err)
	}
	if err := t.pending.put(l, true); err != nil {
		return fmt.Errorf("provide %s: %w", l, err)
	}
	return nil
}

// Withdraw stops the renewal of a locator's record. Records out there, our own
// included, end within [RecordValidity].
func (t *Table) Withdraw(l shard.Locator) {
	if err := t.pending.put(l, false); err != nil {
		t.log.Warn("withdraw put off", "locator", l, "err", err)
	}
}

// ErrBusy says that too many locators wait to be announced.
var ErrBusy = errors.New("too many locators wait to be announced")

// pending holds what Provide and Withdraw asked for until the announcer takes
// it: the last word for each locator, at most maxPending of them.
type pending struct {
	wake chan struct{}

	mu    sync.Mutex
	wants map[shard.Locator]bool
	lost  bool
}

func newPending() *pending {
	return &pending{wake: make(chan struct{}, 1), wants: make(map[shard.Locator]bool)}
}

// put notes that l is to be announced, or no longer. When there is no room it
// notes only that something was lost, and says so with ErrBusy.
func (p *pending) put(l shard.Locator, announce bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.wants[l]; !known && len(p.wants) >= maxPending {
		p.lost = true
		return ErrBusy
	}
	p.wants[l] = announce
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// take removes and returns up to limit locators to announce and to withdraw.
func (p *pending) take(limit int) (announce, withdraw []shard.Locator) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l, want := range p.wants {
		if len(announce)+len(withdraw) == limit {
			break
		}
		delete(p.wants, l)
		if want {
			announce = append(announce, l)
		} else {
			withdraw = append(withdraw, l)
		}
	}
	return announce, withdraw
}

// putBack queues again what take returned, where no newer word has come. When
// there is no room it notes that something was lost.
func (p *pending) putBack(announce, withdraw []shard.Locator) {
	p.mu.Lock()
	defer p.mu.Unlock()
	back := func(list []shard.Locator, want bool) {
		for _, l := range list {
			if _, newer := p.wants[l]; newer {
				continue
			}
			if len(p.wants) >= maxPending {
				p.lost = true
				return
			}
			p.wants[l] = want
		}
	}
	back(announce, true)
	back(withdraw, false)
}

// takeLost reports whether something was lost since it was asked last.
func (p *pending) takeLost() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost := p.lost
	p.lost = false
	return lost
}
