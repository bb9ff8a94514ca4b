package store

import (
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

const manyDrafts = dropAtOnce + 3

// storeDrafts stores more drafts than one step of expiry takes, and one shard
// that is acknowledged.
func storeDrafts(t testing.TB, s *Store) {
	t.Helper()
	o, other := newOwner(t, 1), newOwner(t, 2)
	for i := range byte(manyDrafts) {
		data := fixedBytes(i, 5000)
		lot := o.lot(t, data, 0, i)
		lot.Draft = true
		mustReceive(t, s, lot, data)
	}
	data := fixedBytes(200, 7000)
	mustReceive(t, s, other.lot(t, data, 0, 0), data)
	acknowledge(other, data)
}

// TestCrashWhileExpiring kills a process at each step of expiry and of a
// renewal, and lets another one go on.
func TestCrashWhileExpiring(t *testing.T) {
	for part, ats := range map[string][]string{
		"expire": {"index synced#1", "expiry indexed#1", "file removed#1", "file removed#9", "index synced#2", "expiry indexed#2", "file removed#35"},
		"trash":  {"index synced#1", "expiry indexed#1", "index synced#2"},
		"renew":  {"index synced#1"},
	} {
		for _, at := range ats {
			t.Run(part+" "+at, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				acked := runUntilKilled(t, dir, part, at, 0)
				var clock testClock
				if part == "trash" {
					clock.pass(shard.LeaseDefault + GraceTime)
				}
				h := &home{dir: dir}
				h.open(t, clock.use)
				defer h.close(t)
				checkAcknowledged(t, h.store, acked)
				checkWhole(t, h.store)
				clock.pass(25 * time.Hour)
				mustExpire(t, h.store)
				checkAcknowledged(t, h.store, acked)
				checkWhole(t, h.store)
				left := map[string]int64{"expire": 1, "trash": manyDrafts + 1, "renew": manyDrafts + 1}[part]
				if u := h.store.Usage(); u.Shards != left {
					t.Errorf("%d shards, %d are leased", u.Shards, left)
				}
			})
		}
	}
}

// TestCrashWhileUpgrading kills a process that opens a store of format 1.
func TestCrashWhileUpgrading(t *testing.T) {
	for _, at := range []string{"index synced#1", "page upgraded#1", "page upgraded#2", "index synced#3"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			unpack(t, oldStore, dir)
			runUntilKilled(t, dir, "open", at, 0)
			h := &home{dir: dir}
			h.open(t, atGoldenTime)
			defer h.close(t)
			checkWhole(t, h.store)
			if u := h.store.Usage(); u.Places != int64(len(goldenShards())) {
				t.Errorf("%d places", u.Places)
			}
		})
	}
}
