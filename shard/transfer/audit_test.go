package transfer

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// audited surveys and audits the crowd, with draws from seed.
func (f *file) audited(t testing.TB, opts AuditOptions, seed byte) (*survey, *auditor) {
	t.Helper()
	s := f.survey(t, healthFile{}, nobody)
	a := newAuditor(s, f.flock, opts, quiet)
	a.draw = rand.New(rand.NewChaCha8([32]byte{seed}))
	a.room = DefaultBudget
	if err := a.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, a
}

// loses drops a shard from a host that goes on listing it.
func (m *member) loses(rows ...shard.Held) {
	for _, r := range rows {
		delete(m.bodies, r.Shard)
	}
}

func (m *member) damage(id shard.ID) {
	body := bytes.Clone(m.bodies[id])
	body[len(body)/2] ^= 1
	m.bodies[id] = body
}

func TestAuditVerdicts(t *testing.T) {
	const segments, hosts = 12, 5
	for name, luck := range misfortunes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFile(t, twoThree, segments, 64<<10, hosts, false)
				n := len(f.host(2).rows)
				luck.befalls(f, f.host(2))
				began := time.Now()
				s, a := f.audited(t, AuditOptions{}, 1)
				for i, got := range s.reports() {
					want := HostReport{OK: len(f.host(i).rows)}
					if i == 2 {
						want = luck.want(n)
					}
					if want.Peer = f.peers[i]; got != want {
						t.Errorf("host %d: %+v, want %+v; %v", i, got, want, s.hosts[i])
					}
				}
				if took := time.Since(began); took > 5*time.Minute {
					t.Errorf("it took %s", took)
				}
				health, err := s.health(time.Now())
				if want := (Health{Checked: health.Checked, Segments: segments, Hosts: 5, Margin: 3, FullMargin: 3}); luck.want(n).OK == n && (err != nil || health != want) {
					t.Errorf("%+v, want %+v, %v", health, want, err)
				} else if luck.want(n).OK != n && health.Margin != 2 {
					t.Errorf("%+v", health)
				}
				if a.received.Load() > hosts*(AuditLeaves+segments)*shard.MaxSlice {
					t.Errorf("%d bytes came", a.received.Load())
				}
			})
		})
	}
}

// A host that says it lost a shard is asked for each of them, and only what is
// lost counts as lost.
func TestCloserLookFindsEveryLostShard(t *testing.T) {
	f := newFile(t, twoThree, 150, 256<<10, 5, false)
	m := f.host(2)
	for i := range 40 {
		m.loses(m.rows[3*i+7])
	}
	s, _ := f.audited(t, AuditOptions{}, 1)
	for i, got := range s.reports() {
		want := HostReport{Peer: f.peers[i], OK: 150}
		if i == 2 {
			want.OK, want.Missing = 110, 40
		}
		if got != want {
			t.Errorf("host %d: %+v, want %+v", i, got, want)
		}
	}
	for i, asked := range []int{1, 1, 3, 1, 1} { // 44 leaves; then the 109 to 149 others
		if n := f.host(i).asked["audit"]; n != asked && i != 2 || n < asked {
			t.Errorf("host %d was asked %d times", i, n)
		}
	}
}

// Who did not answer is asked for the very same leaves again, three times.
func TestTimeoutGetsTheSameChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, twoThree, 3, 1<<20, 5, true)
		f.host(1).says = only("audit", silent)
		f.audited(t, AuditOptions{Leaves: 100}, 1)
		got := f.host(1).picks
		if len(got) != 1+askAgain {
			t.Fatalf("asked %d times", len(got))
		}
		for _, picks := range got {
			if len(picks) != shard.MaxPicks || !slices.Equal(picks, got[0]) {
				t.Errorf("challenges differ: %d and %d picks", len(picks), len(got[0]))
			}
		}
		total := 0
		for _, picks := range f.host(0).picks {
			total += len(picks)
		}
		if total != 96 { // 3 shards of 32 leaves
			t.Errorf("%d picks, all 96 leaves were to be asked", total)
		}
	})
}

func TestFullAuditReadsEveryByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, twoThree, 8, 64<<10, 6, false)
		f.host(0).damage(f.host(0).rows[2].Shard)
		f.host(1).loses(f.host(1).rows[:3]...)
		f.host(2).says = only("fetch", silent)
		f.host(3).says = only("fetch", saying(wire.ErrDamaged))
		f.host(4).says = only("fetch", func(ctx context.Context, _ string) error {
			if f.host(4).asked["fetch"] > 2 {
				return errors.New("connection reset")
			}
			return nil
		})
		s, a := f.audited(t, AuditOptions{Full: true}, 1)
		n := func(i int) int { return len(f.host(i).rows) }
		for i, want := range []HostReport{
			{OK: n(0) - 1, Wrong: 1}, {OK: n(1) - 3, Missing: 3}, {Timeout: n(2)}, {Wrong: n(3)}, {OK: 2, Unreachable: n(4) - 2}, {OK: n(5)},
		} {
			if want.Peer = f.peers[i]; s.reports()[i] != want {
				t.Errorf("host %d: %+v, want %+v", i, s.reports()[i], want)
			}
		}
		if want := int64(n(0)+n(1)-3+2+n(5)) * 32 << 10; a.received.Load() != want {
			t.Errorf("%d bytes came, not %d", a.received.Load(), want)
		}
		if f.host(0).asked["audit"] != 0 {
			t.Error("leaves were asked for as well")
		}
	})
}

// A host that lost some of very many shards: what was not looked at follows what
// was.
func TestCloserLookHasABound(t *testing.T) {
	h := &surveyed{state: verdictOK}
	for s := range uint32(3 * closerLook) {
		h.shards = append(h.shards, newHolding(s, 0).with(verdictOK))
	}
	for name, lost := range map[string]int{"a few": closerLook / 20, "many": closerLook / 5} {
		one := &surveyed{state: verdictOK, shards: slices.Clone(h.shards)}
		var looked []challenge
		for n := range closerLook {
			c := challenge{place: newHolding(uint32(3*n), 0), verdict: verdictOK}
			if n < lost {
				c.verdict = verdictMissing
			}
			looked = append(looked, c)
		}
		one.judged(looked, nil)
		one.rest(looked, closerLook)
		want := lost
		if name == "many" {
			want += 2 * closerLook
		}
		if got := one.count()[verdictMissing]; got != want || one.count()[verdictOK] != len(one.shards)-want {
			t.Errorf("%s: %d missing, want %d", name, got, want)
		}
	}
}
