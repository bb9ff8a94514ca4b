package transfer

import (
	"crypto/ed25519"
	"sync/atomic"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// Clocks that are not far apart are no matter, whatever is done with a file.
func TestClocksAnHourApart(t *testing.T) {
	b := newBed(t, 6)
	b.cut(twoThree, segmentSize)
	for i, k := range b.hosts {
		k.set(t, time.Duration(i%3-1)*90*time.Minute)
	}
	path, content := b.file("f", 4*(segmentSize-shard.SealOverhead))
	r := b.put(path, PutOptions{Scheme: twoThree})
	b.audit(r.Manifest, AuditOptions{}, Health{Segments: 4, Hosts: r.Hosts, Margin: 3, FullMargin: 3})
	if hosts, shards, err := b.engine.Renew(t.Context(), r.Manifest, 2*shard.LeaseDefault); err != nil || hosts != r.Hosts || shards != 4*5 {
		t.Errorf("renewed at %d hosts of %d, %d shards, %v", hosts, r.Hosts, shards, err)
	}
	if lost := b.loseIndex(r.Manifest, 1, everySegment); b.repair(r.Manifest, RepairOptions{Eager: true}).Rebuilt != lost {
		t.Error("not everything was mended")
	}
	b.healthy(r.Manifest)
	b.get(r.Manifest, content)
}

// The clock of a host jumps a day: ahead of ours it takes no orders, behind it
// proves what it holds, but no lease of its counts. Nobody trusts it with
// something new, and the file stays whole.
func TestClockADayOff(t *testing.T) {
	for name, tc := range map[string]struct {
		ahead  time.Duration
		report func(n int) HostReport
		margin int
	}{
		"ahead":  {25 * time.Hour, func(n int) HostReport { return HostReport{Refused: n} }, 2},
		"behind": {-25 * time.Hour, func(n int) HostReport { return HostReport{OK: n} }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 5)
			b.cut(twoThree, segmentSize)
			path, content := b.file("f", 6*(segmentSize-shard.SealOverhead))
			r := b.put(path, PutOptions{Scheme: twoThree})
			off := b.holder(r.Manifest, 0, 4)
			off.set(t, tc.ahead)
			want := tc.report(6)
			want.Peer = off.host.ID()
			if got := b.audit(r.Manifest, AuditOptions{}, Health{})[want.Peer.String()]; got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
			if health, _ := ReadHealth(r.Manifest); health.Margin != tc.margin {
				t.Errorf("%+v", health)
			}
			if hosts, shards, err := b.engine.Renew(t.Context(), r.Manifest, 2*shard.LeaseDefault); err != nil || hosts != 4 || shards != 6*4 {
				t.Errorf("renewed at %d hosts, %d shards, %v", hosts, shards, err)
			}
			if again := b.repair(r.Manifest, RepairOptions{}); again.Rebuilt != 0 {
				t.Errorf("it was seen just now: %+v", again)
			}
			var others []*keeper
			for range 3 {
				others = append(others, b.addHost())
				others[len(others)-1].set(t, tc.ahead)
			}
			b.addHost()
			lost := b.loseIndex(r.Manifest, 0, everySegment)
			if mended := b.repair(r.Manifest, RepairOptions{Eager: true}); mended.Rebuilt < lost || mended.Shortfall != "" {
				t.Errorf("%+v", mended)
			}
			for _, k := range others {
				if n := b.holds(r.Manifest, k.host.ID()); n != 0 {
					t.Errorf("%d shards are said to be with a host of another time", n)
				}
			}
			b.get(r.Manifest, content)
		})
	}
}

// lapsing is a store whose leases end when the first proof is asked for: it has
// listed what is gone a moment later.
type lapsing struct {
	exchange.Store
	over atomic.Bool
}

func (l *lapsing) Held(owner ed25519.PublicKey, after []byte, limit int) ([]shard.Held, []byte, error) {
	if l.over.Load() {
		return nil, nil, nil
	}
	return l.Store.Held(owner, after, limit)
}

func (l *lapsing) Prove(shard.ID, uint32) ([]byte, error) {
	l.over.Store(true)
	return nil, wire.ErrNotFound
}

// A lease that ends during an audit makes no liar of its host: the shards are
// missing, and a repair makes them again elsewhere.
func TestLeaseEndsDuringAnAudit(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 6*(segmentSize-shard.SealOverhead))
	manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
	k := b.holder(manifest, 0, 2)
	k.stop()
	k.keeps = &lapsing{Store: k.store}
	k.serve(t)
	want := HostReport{Peer: k.host.ID(), Missing: 6}
	for _, when := range []string{"during the audit", "before it"} {
		all := b.audit(manifest, AuditOptions{}, Health{Segments: 6, Hosts: 4, Margin: 2, FullMargin: 3})
		if got := all[want.Peer.String()]; got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	b.addHost()
	k.keeps.(*lapsing).over.Store(false)
	if r := b.repair(manifest, RepairOptions{Eager: true}); r.Rebuilt != 6 || r.Shortfall != "" || r.Health.Margin != 3 || b.holds(manifest, k.host.ID()) != 0 {
		t.Errorf("%+v", r)
	}
	b.get(manifest, content)
}
