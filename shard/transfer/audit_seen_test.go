package transfer

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// round audits the flock after last, as a keeper does at a time, and returns the
// repair that it plans.
func (f *file) round(t *testing.T, last healthFile, opts AuditOptions, now time.Time) *repair {
	t.Helper()
	s := f.survey(t, last, nobody)
	a := newAuditor(s, f.flock, opts, quiet)
	a.room = DefaultBudget
	if err := a.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := &repair{m: f.m, s: s}
	r.know(now.Add(-time.Hour), now)
	return r
}

// A host that lists all it should have and never shows any of it is gone a day
// after it last did.
func TestWhoListsAndProvesNothingIsLost(t *testing.T) {
	for name, tc := range map[string]struct {
		what string
		err  error
		opts AuditOptions
	}{
		"refuses":               {"audit", wire.ErrInternal, AuditOptions{}},
		"times out":             {"audit", wire.ErrTimeout, AuditOptions{}},
		"breaks off":            {"audit", errors.New("connection reset"), AuditOptions{}},
		"refuses to be read":    {"fetch", wire.ErrInternal, AuditOptions{Full: true}},
		"times out, read whole": {"fetch", wire.ErrTimeout, AuditOptions{Full: true}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t, shard.Scheme{Data: 2, Parity: 2}, 4, 64<<10, 4, false)
			for n := range 2 {
				f.host(n).says = only(tc.what, func(context.Context, string) error { return tc.err })
			}
			now := time.Now()
			lost := func(ago time.Duration) (shards int) {
				last := healthFile{}
				for _, p := range f.peers {
					last.Hosts = append(last.Hosts, hostHealth{Peer: p, Seen: now.Add(-ago).Unix(), Shards: 4})
				}
				r := f.round(t, last, tc.opts, now)
				for segment, err := range r.s.segments() {
					if err != nil {
						t.Fatal(err)
					}
					shards += len(r.lost(segment.at))
				}
				for i, h := range r.s.hosts {
					if proved := now.Sub(h.seen) < time.Hour; proved != (i >= 2) {
						t.Errorf("host %d, %s: seen %s ago", i, h.state, now.Sub(h.seen))
					}
				}
				return shards
			}
			if n := lost(lostTime - time.Hour); n != 0 {
				t.Errorf("%d shards are lost within a day", n)
			}
			if n := lost(lostTime + time.Hour); n != 8 {
				t.Errorf("%d of 16 shards are lost after a day, 8 are at hosts that show nothing", n)
			}
		})
	}
}

// Taking a shard proves nothing of the others.
func TestWhoTakesAShardIsNotSeen(t *testing.T) {
	f := newFile(t, twoThree, 2, 64<<10, 5, false)
	f.host(0).says = only("audit", saying(wire.ErrInternal))
	was := time.Now().Add(-20 * time.Hour)
	r := f.round(t, healthFile{Hosts: []hostHealth{{Peer: f.peers[0], Seen: was.Unix(), Shards: 2}}}, AuditOptions{}, time.Now())
	r.placed(f.peers[0], 0, 4)
	r.placed(testPeer(100), 1, 4)
	if h := r.s.hosts[0]; h.state != verdictRefused || h.seen.Unix() != was.Unix() {
		t.Errorf("%v, seen %v", h, h.seen)
	}
	if h := r.s.hosts[5]; h.state != verdictOK || time.Since(h.seen) > time.Minute {
		t.Errorf("new host: %v, seen %v", h, h.seen)
	}
}
