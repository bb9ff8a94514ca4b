package gossip

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Set says value under key from now on. A value equal to the one said already
// is no change. It returns the version of the state that has it. While others
// do not keep up with this member's changes, it waits until ctx ends. The
// bounds are [MaxKey] and [MaxValue], 256 keys and 64 KiB in all; beyond them it
// fails with [wire.ErrTooBig] and [wire.ErrFull], and with [ErrLeft] after Leave.
func (g *Gossiper) Set(ctx context.Context, key string, value []byte) (version uint64, err error) {
	return g.SetTTL(ctx, key, value, 0)
}

// SetTTL does as [Gossiper.Set], and deletes the key after ttl, if that is
// above 0. Others see it until ttl after it came to them.
func (g *Gossiper) SetTTL(ctx context.Context, key string, value []byte, ttl time.Duration) (version uint64, err error) {
	g.mu.Lock()
	version, same := g.core.says(key, value, ttl)
	admit := g.core.own.admit
	g.mu.Unlock()
	if same {
		return version, nil
	}
	if err := admit.Wait(ctx); err != nil {
		return 0, fmt.Errorf("set %q: %w", key, err)
	}
	g.do(func(c *core, now time.Time) { version, err = c.set(now, key, value, max(ttl, 0)) })
	g.wake()
	if err != nil {
		return 0, fmt.Errorf("set %q: %w", key, err)
	}
	return version, nil
}

// says reports whether value is said under key already, for ever, and with
// which version.
func (c *core) says(key string, value []byte, ttl time.Duration) (version uint64, same bool) {
	e := c.self.entries[key]
	if e == nil || e.Deleted || e.TTL > 0 || ttl > 0 || string(e.Value) != string(value) {
		return 0, false
	}
	return e.Version, true
}

// Delete takes back what was said under key; nothing said is no change. It waits
// as Set does, and fails with [ErrLeft] after Leave.
func (g *Gossiper) Delete(ctx context.Context, key string) error {
	g.mu.Lock()
	admit := g.core.own.admit
	g.mu.Unlock()
	if err := admit.Wait(ctx); err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	left := false
	g.do(func(c *core, now time.Time) {
		left = c.own.left
		c.unset(now, key)
	})
	if left {
		return fmt.Errorf("delete %q: %w", key, ErrLeft)
	}
	g.wake()
	return nil
}

// Get returns what a member, or this one, says under key.
func (g *Gossiper) Get(p peer.ID, key string) (Value, bool) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.core.members[p]
	if m == nil {
		return Value{}, false
	}
	e := m.entries[key]
	if e == nil || !m.counts(e, now) {
		return Value{}, false
	}
	return Value{e.Value, e.Version}, true
}

// counts reports whether an entry is to be seen.
func (m *member) counts(e *signedEntry, now time.Time) bool {
	return !e.Deleted && !due(m.expires[e.Key], now)
}
