package transfer

import (
	"os"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

// What is read and sent is as little as can be: Data shards and the lost ones of
// each damaged segment, nothing of the others; and no key is needed.
func TestRepairTraffic(t *testing.T) {
	for _, tc := range []struct {
		scheme   shard.Scheme
		segments int
		lost     []uint8
	}{
		{twoThree, 6, []uint8{0, 4}},
		{shard.Scheme{Data: 4, Parity: 4}, 3, []uint8{1, 2, 6}},
		{shard.Scheme{Data: 8, Parity: 12}, 1, []uint8{0, 3, 9, 12, 13, 19}},
		{shard.Scheme{Data: 1, Parity: 2}, 1, []uint8{1}},
	} {
		t.Run(tc.scheme.String(), func(t *testing.T) {
			b := newBed(t, tc.scheme.Shards()+len(tc.lost))
			out := b.meter()
			b.cut(tc.scheme, segmentSize)
			path, content := b.file("f", tc.segments*(segmentSize-shard.SealOverhead)-5)
			owned := b.put(path, PutOptions{Scheme: tc.scheme}).Manifest
			manifest := b.repairManifest(owned)
			lost := 0
			odd := func(segment uint32) bool { return segment%2 == 0 }
			damaged := b.loseIndex(manifest, tc.lost[0], odd)
			for _, index := range tc.lost[1:] {
				lost += b.loseIndex(manifest, index, odd)
			}
			lost += damaged
			out.Store(0)
			before, m := b.delivered(), b.open(manifest)
			length := int64(tc.scheme.ShardLength(segmentSize))
			r := b.repair(manifest, RepairOptions{Eager: true})
			most := length * int64(damaged*tc.scheme.Data)
			if r.Read > most || out.Load() > most || r.Read == 0 {
				t.Errorf("%d bytes were read, hosts gave out %d, %d were needed", r.Read, out.Load(), most)
			}
			if came := b.delivered() - before; r.Sent > length*int64(lost) || came > length*int64(lost) || r.Rebuilt != lost {
				t.Errorf("%d bytes were sent, hosts took %d: %d shards, %d were lost", r.Sent, came, r.Rebuilt, lost)
			}
			if r.Shortfall != "" || r.Health.Margin != tc.scheme.Parity || r.Name != "" || r.File != m.Grant.Locator.String() {
				t.Errorf("%+v", r)
			}
			if info, err := os.Stat(manifest); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("manifest: %v, %v", info.Mode(), err)
			}
			if h, ok := ReadHealth(manifest); !ok || h.Margin != tc.scheme.Parity {
				t.Errorf("health: %+v, %v", h, ok)
			}
			b.healthy(manifest)
			if again := b.repair(manifest, RepairOptions{Eager: true}); again.Rebuilt+int(again.Read+again.Sent) != 0 {
				t.Errorf("again: %+v", again)
			}
			b.get(owned, content) // by the old placements as well
		})
	}
}

// A keeper mends nothing while the margin is more than half of the full one.
func TestRepairWaitsForItsTurn(t *testing.T) {
	b := newBed(t, 7)
	b.cut(twoThree, segmentSize)
	path, _ := b.file("f", 4*segmentSize)
	manifest := b.put(path, PutOptions{}).Manifest
	b.loseIndex(manifest, 1, everySegment)
	if r := b.repair(manifest, RepairOptions{}); r.Rebuilt != 0 || r.Health.Margin != 2 {
		t.Errorf("margin 2 of 3: %+v", r)
	}
	b.loseIndex(manifest, 2, func(segment uint32) bool { return segment == 3 })
	if r := b.repair(manifest, RepairOptions{}); r.Rebuilt != 2 || r.Health.Margin != 2 || r.Shortfall != "" {
		t.Errorf("margin 1 of 3 in one segment: %+v", r)
	}
	if r := b.repair(manifest, RepairOptions{Eager: true}); r.Rebuilt == 0 || r.Health.Margin != 3 {
		t.Errorf("by hand: %+v", r)
	}
	b.healthy(manifest)
}

// Hosts that do not answer count as lost after a day, or by hand.
func TestRepairOfHostsThatAreAway(t *testing.T) {
	for name, tc := range map[string]struct {
		opts RepairOptions
		away time.Duration
		want bool
	}{
		"a moment":     {RepairOptions{}, time.Hour, false},
		"a day":        {RepairOptions{}, 25 * time.Hour, true},
		"now, by hand": {RepairOptions{Eager: true}, time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 7)
			path, content := b.file("f", 1<<20)
			manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
			dead := []*keeper{b.holder(manifest, 0, 0), b.holder(manifest, 0, 3)}
			for _, k := range dead {
				k.die()
			}
			written := time.Now().Add(-tc.away)
			if err := os.Chtimes(manifest, written, written); err != nil {
				t.Fatal(err)
			}
			r := b.repair(manifest, tc.opts)
			if mended := r.Rebuilt == 2 && r.Health.Margin == 3; mended != tc.want || !mended && r.Rebuilt > 0 {
				t.Fatalf("%+v", r)
			}
			if tc.want {
				for _, p := range b.open(manifest).Hosts {
					if p.ID == dead[0].host.ID() || p.ID == dead[1].host.ID() || len(p.Addrs) == 0 {
						t.Errorf("host %v after the repair", p)
					}
				}
				b.apart(manifest)
			}
			b.get(manifest, content)
		})
	}
}

// A host that lost its shard gets it back when nobody else can take it, and only
// then.
func TestRepairAtTheSameHost(t *testing.T) {
	for _, spare := range []bool{false, true, true, true, true, true} { // by luck the lot falls right
		b := newBed(t, 5)
		path, content := b.file("f", 1<<20)
		manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
		k := b.holder(manifest, 0, 3)
		k.store.Lose(k.store.IDs()[0])
		if spare {
			b.addHost()
		}
		r := b.repair(manifest, RepairOptions{Eager: true})
		if r.Rebuilt != 1 || r.Shortfall != "" || r.Health.Margin != 3 {
			t.Errorf("%+v", r)
		}
		if same := b.holder(manifest, 0, 3) == k; same == spare {
			t.Errorf("spare %v, the same host %v", spare, same)
		}
		b.healthy(manifest)
		b.get(manifest, content)
	}
}

// A host that says it has what it damaged is not believed.
func TestRepairOfDamageThatIsDenied(t *testing.T) {
	b := newBed(t, 5)
	path, content := b.file("f", 1<<20)
	manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
	k := b.holder(manifest, 0, 1)
	k.store.Damage(k.store.IDs()[0])
	r := b.repair(manifest, RepairOptions{Eager: true, Audit: AuditOptions{Full: true}})
	if r.Rebuilt != 0 || r.Shortfall == "" || r.Health.Margin != 2 {
		t.Errorf("%+v", r)
	}
	b.addHost()
	if r = b.repair(manifest, RepairOptions{Eager: true, Audit: AuditOptions{Full: true}}); r.Rebuilt != 1 || r.Shortfall != "" {
		t.Errorf("with another host: %+v", r)
	}
	b.get(manifest, content)
}

// A host that comes back with old shards is counted again, and nothing is deleted.
func TestRepairAndTheHostIsBack(t *testing.T) {
	b := newBed(t, 7)
	path, content := b.file("f", 1<<20)
	manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
	k := b.holder(manifest, 0, 2)
	k.stop()
	if r := b.repair(manifest, RepairOptions{Eager: true}); r.Rebuilt != 1 || r.Health.Margin != 3 {
		t.Fatalf("%+v", r)
	}
	k.serve(t)
	b.known[k.host.ID()] = true
	r := b.repair(manifest, RepairOptions{Eager: true})
	if r.Rebuilt != 0 || r.Health.Hosts != 6 || len(k.store.IDs()) != 1 {
		t.Errorf("%+v", r)
	}
	for s, err := range b.open(manifest).Segments() {
		if err != nil || len(s.Placed) != 6 {
			t.Errorf("%v, %v", s.Placed, err)
		}
	}
	b.holder(manifest, 0, 2).die()
	b.get(manifest, content)
}
