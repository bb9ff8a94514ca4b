package transfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

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
	for name, luck := range map[string]struct {
		befalls func(*file, *member)
		want    func(shards int) HostReport
	}{
		"nothing": {func(*file, *member) {}, func(n int) HostReport { return HostReport{OK: n} }},
		"kept only hashes": {
			func(_ *file, m *member) {
				m.proves = func(_ shard.Pick, slice []byte) []byte { clear(slice[len(slice)-100:]); return slice }
			}, func(n int) HostReport { return HostReport{Wrong: n} },
		},
		"lost one shard":    {func(_ *file, m *member) { m.loses(m.rows[4]) }, func(n int) HostReport { return HostReport{OK: n - 1, Missing: 1} }},
		"lost all":          {func(_ *file, m *member) { m.loses(m.rows...) }, func(n int) HostReport { return HostReport{Missing: n} }},
		"lists nothing":     {func(_ *file, m *member) { m.rows = nil }, func(n int) HostReport { return HostReport{Missing: n} }},
		"cannot be reached": {func(_ *file, m *member) { m.gone = true }, func(n int) HostReport { return HostReport{Unreachable: n} }},
		"is silent":         {func(_ *file, m *member) { m.says = silent }, func(n int) HostReport { return HostReport{Timeout: n} }},
		"is silent when audited": {
			func(_ *file, m *member) { m.says = only("audit", silent) }, func(n int) HostReport { return HostReport{Timeout: n} },
		},
		"refuses to be audited": {
			func(_ *file, m *member) { m.says = only("audit", saying(wire.ErrUnsupported)) }, func(n int) HostReport { return HostReport{Refused: n} },
		},
		"has another clock": {
			func(_ *file, m *member) { m.says = saying(wire.ErrExpired) }, func(n int) HostReport { return HostReport{Refused: n} },
		},
		"goes away meanwhile": {
			func(_ *file, m *member) { m.says = only("audit", saying(errors.New("connection reset"))) }, func(n int) HostReport { return HostReport{Unreachable: n} },
		},
		"is slow": {
			func(_ *file, m *member) {
				m.says = func(ctx context.Context, what string) error { return lag(ctx, 9*time.Second) }
			}, func(n int) HostReport { return HostReport{OK: n} },
		},
		"is too slow": {
			func(_ *file, m *member) {
				m.says = only("audit", func(ctx context.Context, _ string) error { return lag(ctx, time.Minute) })
			}, func(n int) HostReport { return HostReport{Timeout: n} },
		},
		"is busy at first": {
			func(_ *file, m *member) {
				asked := 0
				m.says = only("audit", func(context.Context, string) error {
					if asked++; asked < 4 {
						return wire.ErrBusy
					}
					return nil
				})
			}, func(n int) HostReport { return HostReport{OK: n} },
		},
		"replays an old proof": {
			func(_ *file, m *member) {
				var old []byte
				m.proves = func(_ shard.Pick, slice []byte) []byte {
					if old == nil {
						old = bytes.Clone(slice)
					}
					return old
				}
			}, func(n int) HostReport { return HostReport{Wrong: n} },
		},
		"says another length": {
			func(_ *file, m *member) {
				m.proves = func(_ shard.Pick, slice []byte) []byte {
					binary.LittleEndian.PutUint64(slice, binary.LittleEndian.Uint64(slice)+1)
					return slice
				}
			}, func(n int) HostReport { return HostReport{Wrong: n} },
		},
		// Whoever fetches what it threw away from another peer in time passes.
		"fetches when it is audited": {
			func(f *file, m *member) {
				far := &member{bodies: m.bodies, trees: m.trees}
				m.bodies, m.trees = nil, nil
				m.proves = func(p shard.Pick, _ []byte) []byte { return far.prove(p) }
				m.says = only("audit", func(ctx context.Context, _ string) error { return lag(ctx, 2*time.Second) })
			}, func(n int) HostReport { return HostReport{OK: n} },
		},
	} {
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

func saying(err error) func(context.Context, string) error {
	return func(context.Context, string) error { return err }
}

func only(what string, then func(context.Context, string) error) func(context.Context, string) error {
	return func(ctx context.Context, kind string) error {
		if kind != what {
			return nil
		}
		return then(ctx, kind)
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

// What a host drops is found as often as the numbers promise: over many draws,
// against the exact chance of drawing without replacement.
func TestDroppedBytesAreFound(t *testing.T) {
	const segments, draws = 200, 20000
	c := &contents{shards: 20}
	var held []holding
	for s := range uint32(segments) {
		c.add(make([]shard.ID, 20), 256<<10)
		held = append(held, newHolding(s, uint8(s%20)).with(verdictOK))
	}
	const total = segments * 16
	source := rand.New(rand.NewChaCha8([32]byte{7}))
	for name, dropped := range map[string]func(at holding, leaf uint32) bool{
		"the first 10 % of each shard": func(_ holding, leaf uint32) bool { return leaf*10 < 16 }, // 2 of 16
		"every tenth shard":            func(at holding, _ uint32) bool { return at.segment()%10 == 3 },
		"one leaf in ten":              func(at holding, leaf uint32) bool { return (at.segment()*16+leaf)%10 == 0 },
		"the last tenth":               func(at holding, _ uint32) bool { return at.segment() >= segments*9/10 },
	} {
		t.Run(name, func(t *testing.T) {
			lost := 0
			for _, at := range held {
				for leaf := range uint32(16) {
					if dropped(at, leaf) {
						lost++
					}
				}
			}
			miss := 1.0
			for i := range AuditLeaves {
				miss *= float64(total-lost-i) / float64(total-i)
			}
			found := 0
			for range draws {
				all := drawLeaves(c, held, AuditLeaves, source)
				if len(all) != AuditLeaves {
					t.Fatalf("%d leaves", len(all))
				}
				if slices.ContainsFunc(all, func(x challenge) bool { return dropped(x.place, x.leaf) }) {
					found++
				}
			}
			got, want := float64(found)/draws, 1-miss
			if sigma := math.Sqrt(want * miss / draws); math.Abs(got-want) > 5*sigma || want < 0.99 {
				t.Errorf("%d of %d leaves are gone: found in %.4f of the audits, expected %.4f ± %.4f", lost, total, got, want, sigma)
			}
		})
	}
}

// Every leaf is as likely as any other, also where shards are of different
// lengths, and none comes twice.
func TestDrawsAreFair(t *testing.T) {
	c := &contents{shards: 3}
	var held []holding
	total := 0
	for s, length := range []int{64, 16 << 10, 5 << 14, 100, 3<<14 + 1} {
		c.add(make([]shard.ID, 3), length)
		for i := range uint8(2) {
			held = append(held, newHolding(uint32(s), i).with(verdictOK))
			total += shard.Leaves(length)
		}
	}
	held[1] = held[1].with(verdictMissing) // is not asked for
	total--
	const draws, count = 30000, 7
	source := rand.New(rand.NewChaCha8([32]byte{9}))
	hits := map[string]int{}
	for range draws {
		seen := map[string]bool{}
		for _, x := range drawLeaves(c, held, count, source) {
			name := fmt.Sprint(x.place, x.leaf)
			if seen[name] {
				t.Fatalf("%s twice", name)
			}
			seen[name] = true
			hits[name]++
		}
	}
	want := float64(draws) * count / float64(total)
	if len(hits) != total {
		t.Errorf("%d leaves of %d were ever drawn", len(hits), total)
	}
	for name, n := range hits {
		if math.Abs(float64(n)-want) > 6*math.Sqrt(want) {
			t.Errorf("leaf %s: %d times, %.0f expected", name, n, want)
		}
	}
}

func TestDrawNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total, count := rapid.Int64Range(0, 1<<40).Draw(t, "total"), rapid.IntRange(0, 300).Draw(t, "count")
		got := drawNumbers(total, count, rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed"))))
		if int64(len(got)) != min(total, int64(count)) || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("%d of %d below %d: %v", len(got), count, total, got)
		}
		if len(got) > 0 && (got[0] < 0 || got[len(got)-1] >= total) {
			t.Fatalf("out of bounds: %v", got)
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
		one.rest(looked)
		want := lost
		if name == "many" {
			want += 2 * closerLook
		}
		if got := one.count()[verdictMissing]; got != want || one.count()[verdictOK] != len(one.shards)-want {
			t.Errorf("%s: %d missing, want %d", name, got, want)
		}
	}
}
