package keeper

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batchain/batchain/shard/transfer"
)

type slowEngine struct {
	*fakeEngine
	slow func(manifest string) bool
}

func (e slowEngine) Audit(ctx context.Context, manifest string, o transfer.AuditOptions, r func(transfer.Progress)) (transfer.AuditResult, error) {
	if e.slow(manifest) {
		<-ctx.Done()
		return transfer.AuditResult{}, context.Cause(ctx)
	}
	return e.fakeEngine.Audit(ctx, manifest, o, r)
}

// Charges whose hosts are slow do not keep the others from their turn: they take
// little of a round, and come last in the next.
func TestSlowFilesDoNotStarveOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		n := w.nodes[w.ids[0]]
		good := newSample(t, 100, 1)
		w.entrust(good, n)
		bad := map[string]bool{}
		for i := range byte(8) { // a peer may bring 2048
			s := newSample(t, i, 1)
			w.entrust(s, n)
			bad[n.keeper.path(nameOf(s.grant)+manifestSuffix)] = true
		}
		n.keeper.slots = make(chan struct{}, atOnce)
		n.keeper.cfg.Engine = slowEngine{n.engine, func(m string) bool { return bad[m] }}
		for round := range 2 {
			began := time.Now()
			_ = n.keeper.Round(t.Context())
			if took := time.Since(began); took > 2*stepTime || n.engine.audits != round+1 || n.engine.renews < len(bad)+1 {
				t.Errorf("round %d took %s, %d audits of the good file, %d renewals", round, took, n.engine.audits, n.engine.renews)
			}
			w.pass(time.Since(began) + 6*time.Hour)
		}
		if due := n.keeper.due(); len(due) != len(bad)+1 || bad[n.keeper.manifestPath(due[0])] {
			t.Error("the slow ones are first again")
		}
	})
}

// An audit that fails does not keep leases from being renewed, nor notes from being
// carried on.
func TestLeasesAreRenewedWithoutAnAudit(t *testing.T) {
	w := newWorld(t, 3)
	n := w.nodes[w.ids[0]]
	s := newSample(t, 1, 1, w.ids[1])
	w.entrust(s, n)
	w.nodes[w.ids[2]].has(s, 7, s.note(t, 7, 1, "note"))
	n.keeper.cfg.Engine = failing{n.engine}
	for range 4 * 70 {
		_ = n.keeper.Round(t.Context())
		w.pass(6 * time.Hour)
	}
	if n.engine.renews < 60 { // daily: who heard of it is not known
		t.Errorf("%d renewals in 70 days of audits that did not end in time", n.engine.renews)
	}
	if w.newest(s, 7, 1) != 2 {
		t.Error("the note is not at the host that the manifest names")
	}
}

type failing struct{ *fakeEngine }

func (failing) Audit(context.Context, string, transfer.AuditOptions, func(transfer.Progress)) (transfer.AuditResult, error) {
	return transfer.AuditResult{}, errors.Join(context.DeadlineExceeded)
}

// A repair that takes long keeps neither the round nor the next one from other
// files, is not begun twice, and Run waits for it.
func TestLongRepairsDoNotHoldUpARound(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	bad, good := newSample(t, 1, 1), newSample(t, 2, 1)
	path := filepath.Join(t.TempDir(), "own.batchain")
	writeFile(t, path, newSample(t, 3, 1).read)
	n.own = []string{path}
	w.entrust(bad, n)
	w.entrust(good, n)
	repair := make(chan struct{})
	e := &longEngine{n.engine, []string{n.keeper.path(nameOf(bad.grant) + manifestSuffix), path}, repair}
	n.keeper.cfg.Engine = e
	for round := range 3 {
		n.keeper.lookAround(t.Context())
		if want := 3 + round; n.engine.audits != want {
			t.Errorf("round %d: %d audits, want %d", round, n.engine.audits, want)
		}
		w.pass(6 * time.Hour)
	}
	turn, err := n.keeper.Turn(t.Context(), "", bad.grant, false)
	check(t, err)
	if !turn.Working || turn.Margin != 0 {
		t.Errorf("while it repairs: %+v", turn)
	}
	close(repair)
	n.keeper.finish()
	if r := n.record(bad); r.Margin != 12 || n.engine.repairs != 2 {
		t.Errorf("margin %d after %d repairs", r.Margin, n.engine.repairs)
	}
}

// longEngine finds some files at risk, and their repair waits.
type longEngine struct {
	*fakeEngine
	risk   []string
	repair chan struct{}
}

func (e *longEngine) Audit(ctx context.Context, manifest string, o transfer.AuditOptions, r func(transfer.Progress)) (transfer.AuditResult, error) {
	a, err := e.fakeEngine.Audit(ctx, manifest, o, r)
	if slices.Contains(e.risk, manifest) {
		a.Health.Margin = 0
	}
	return a, err
}

func (e *longEngine) Repair(ctx context.Context, manifest string, o transfer.RepairOptions, r func(transfer.Progress)) (transfer.RepairResult, error) {
	<-e.repair
	return e.fakeEngine.Repair(ctx, manifest, o, r)
}
