package transfer

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
)

// forger makes up the proofs that it cannot give.
type forger struct{ exchange.Store }

func (f forger) Prove(id shard.ID, leaf uint32) ([]byte, error) {
	slice, err := f.Store.Prove(id, leaf)
	if err == nil {
		slice[len(slice)-1] ^= 1
	}
	return slice, err
}

// Over real connections: an audit names who is bad and how, keeps it in the
// health file, and tells the same by a repair manifest and by reading all.
func TestAuditNamesTheBadHosts(t *testing.T) {
	b := newBed(t, 10)
	b.cut(shard.Scheme{Data: 4, Parity: 6}, 64<<10)
	b.times.Idle, b.times.Answer = 400*time.Millisecond, 400*time.Millisecond
	path, content := b.file("f", 5*(64<<10-shard.SealOverhead))
	r := b.put(path, PutOptions{Scheme: shard.Scheme{Data: 4, Parity: 6}})
	for _, opts := range []AuditOptions{{}, {Full: true}, {Leaves: 3}} {
		b.audit(r.Manifest, opts, Health{Segments: 5, Hosts: 10, Margin: 6, FullMargin: 6})
	}
	b.restart() // with the short times
	m := b.open(r.Manifest)
	b.hosts[0].store.Lose(b.hosts[0].rows(t, m)[1].Shard)
	b.hosts[1].store.Damage(b.hosts[1].rows(t, m)[1].Shard)
	forging := b.hosts[2] // of segment 1, three good shards are left
	forging.stop()
	forging.keeps = forger{forging.store}
	forging.serve(t)
	b.hosts[3].die()
	b.hosts[4].turn(t, exchangetest.NeverAnswers)
	b.hosts[5].turn(t, exchangetest.Malformed)
	b.hosts[6].turn(t, exchangetest.HangsUp)
	before, _ := readHealthFile(r.Manifest)

	got := b.audit(r.Manifest, AuditOptions{}, Health{Segments: 5, Hosts: 5, Margin: -1, FullMargin: 6, AtRisk: 5 * 64 << 10, Lost: 1})
	for i, want := range []HostReport{
		{OK: 4, Missing: 1}, {OK: 4, Missing: 1}, {Wrong: 5}, {Unreachable: 5}, {Timeout: 5}, {Refused: 5}, {Unreachable: 5}, {OK: 5}, {OK: 5}, {OK: 5},
	} {
		if want.Peer = b.hosts[i].host.ID(); got[want.Peer.String()] != want {
			t.Errorf("host %d: %+v, want %+v", i, got[want.Peer.String()], want)
		}
	}
	after, ok := readHealthFile(r.Manifest)
	for p, seen := range before.seen() {
		if !ok || after.seen()[p].Before(seen) || len(after.Hosts) != 10 {
			t.Errorf("peer %s was seen %s, now %s", p, seen, after.seen()[p])
		}
	}

	full := b.audit(r.Manifest, AuditOptions{Full: true}, Health{})
	id := b.hosts[2].host.ID().String()
	if full[id].OK != 5 || full[b.hosts[1].host.ID().String()].Wrong != 1 || full[b.hosts[0].host.ID().String()].Missing != 1 {
		t.Errorf("read in full: %+v", full)
	}
	b.get(r.Manifest, content) // who forges proofs still serves

	var export bytes.Buffer
	if err := m.Export(&export); err != nil {
		t.Fatal(err)
	}
	repair := filepath.Join(t.TempDir(), "repair.batchain")
	if err := os.WriteFile(repair, export.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	res, err := b.engine.Audit(t.Context(), repair, AuditOptions{}, quiet)
	if err != nil || res.File != m.Grant.Locator.String() || res.Name != "" || res.Health.Lost != 1 {
		t.Errorf("by the repair manifest: %+v, %v", res, err)
	}
}

// audit returns the reports by peer, and holds the health against want unless
// that is zero.
func (b *bed) audit(manifest string, opts AuditOptions, want Health) map[string]HostReport {
	b.t.Helper()
	var told Progress
	r, err := b.engine.Audit(b.t.Context(), manifest, opts, func(p Progress) { told = p })
	if err != nil {
		b.t.Fatal(err)
	}
	kept, ok := ReadHealth(manifest)
	if !ok || !kept.Checked.Equal(r.Health.Checked.Truncate(time.Second)) {
		b.t.Errorf("the health file says %+v, the audit %+v", kept, r.Health)
	}
	r.Health.Checked = time.Time{}
	if want != (Health{}) && r.Health != want {
		b.t.Errorf("%+v, want %+v", r.Health, want)
	}
	if told.Phase != "audit" || told.Total == 0 || r.Received == 0 {
		b.t.Errorf("progress %+v, received %d", told, r.Received)
	}
	all := map[string]HostReport{}
	for _, h := range r.Hosts {
		all[h.Peer.String()] = h
	}
	return all
}

// A host that left, whose shards somebody else has brought to another, is no
// finding for an owner whose manifest still names it; until that one is gone too.
func TestAuditOfAHostThatNobodyMisses(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, _ := b.file("f", 3*(segmentSize-shard.SealOverhead))
	manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
	_, keepers := b.other(manifest)
	gone, heir := b.hosts[0], b.addHost()
	gone.die()
	if r := b.repair(keepers, RepairOptions{Eager: true}); r.Rebuilt != 3 {
		t.Fatalf("%+v", r)
	}
	b.known[heir.host.ID()] = true
	left := gone.host.ID().String()
	all := b.audit(manifest, AuditOptions{}, Health{Segments: 3, Hosts: 5, Margin: 3, FullMargin: 3})
	if report, told := all[left]; told || len(all) != 5 {
		t.Errorf("of %d hosts one has left: %+v", len(all), report)
	}
	heir.die()
	all = b.audit(manifest, AuditOptions{}, Health{Segments: 3, Hosts: 4, Margin: 2, FullMargin: 3})
	if all[left].Unreachable != 3 {
		t.Errorf("now it is missed: %+v", all)
	}
}

func TestAuditErrors(t *testing.T) {
	b, manifest, _ := putFile(t, 2)
	if _, err := b.engine.Audit(t.Context(), manifest+"x", AuditOptions{}, quiet); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no manifest: %v", err)
	}
	b.engine.cfg.Mesh = "other"
	if _, err := b.engine.Audit(t.Context(), manifest, AuditOptions{}, quiet); !errors.Is(err, ErrOtherMesh) {
		t.Errorf("of another mesh: %v", err)
	}
}

// What an audit of 10 GiB at 8+12 costs its owner.
func TestCostOfAnAudit(t *testing.T) {
	f := newFile(t, shard.Scheme{Data: 8, Parity: 12}, 640, shard.MaxSegmentLength, 22, true)
	began := time.Now()
	_, a := f.audited(t, AuditOptions{}, 1)
	took, most := time.Since(began), 0
	for _, p := range f.peers {
		sent := 0
		for _, picks := range f.flock.hosts[p].picks {
			sent += len(picks) * (8 + 7*64 + shard.LeafSize) // 2 MiB is 2⁷ leaves
		}
		most = max(most, sent)
	}
	t.Logf("audit of 10 GiB at 22 hosts: %d bytes from each, %d in all, %v", most, a.received.Load(), took)
	if most > 1<<20 || int64(22*most) != a.received.Load() || took > 2*time.Second {
		t.Errorf("%d bytes from a host, %d in all, %v", most, a.received.Load(), took)
	}
}

func BenchmarkAudit10GiB(b *testing.B) {
	f := newFile(b, shard.Scheme{Data: 8, Parity: 12}, 640, shard.MaxSegmentLength, 22, true)
	b.ReportAllocs()
	var received int64
	for b.Loop() {
		_, a := f.audited(b, AuditOptions{}, 1)
		received = a.received.Load()
	}
	b.ReportMetric(math.Ceil(float64(received)/22), "bytes/host")
}
