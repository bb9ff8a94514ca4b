package keeper

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
)

const day = 24 * time.Hour

func audits(nodes []*node) (counts []int) {
	for _, n := range nodes {
		counts = append(counts, n.engine.audits)
	}
	return counts
}

func TestTheClosestWorksAndOthersWatch(t *testing.T) {
	w := newWorld(t, 3)
	s := newSample(t, 1, 1)
	nodes := w.byTurn(s)
	w.entrust(s, nodes...)
	for range 12 {
		w.round(6 * time.Hour)
	}
	if got := audits(nodes); !slices.Equal(got, []int{12, 0, 0}) {
		t.Fatalf("audits %v in three days, the first alone should work", got)
	}
	if r := nodes[2].record(s); r.Checked != nodes[0].record(s).Checked || r.Own != 0 {
		t.Error("the others do not know of the check")
	}
	if nodes[0].engine.renews != 1 || nodes[0].engine.repairs != 0 {
		t.Errorf("%d renewals and %d repairs, want 1 and none", nodes[0].engine.renews, nodes[0].engine.repairs)
	}
	nodes[0].down = true
	w.round(6 * time.Hour)
	if got := audits(nodes); !slices.Equal(got, []int{12, 1, 0}) {
		t.Fatalf("audits %v, the second should have stepped in at once", got)
	}
	nodes[0].down = false
	w.round(6 * time.Hour)
	w.round(6 * time.Hour)
	if got := audits(nodes); got[0] != 14 || got[1] > 2 || got[2] != 0 {
		t.Fatalf("audits %v, the first should be at work again", got)
	}
}

func TestAKeeperThatLiesLosesNothing(t *testing.T) {
	for name, lie := range map[string]func(w *world, t shard.Turn) shard.Turn{
		"always at work":    func(_ *world, t shard.Turn) shard.Turn { t.Working = true; return t },
		"has just checked":  func(w *world, t shard.Turn) shard.Turn { t.Checked = w.clock().Unix(); return t },
		"never checks":      func(_ *world, t shard.Turn) shard.Turn { t.Checked = 0; return t },
		"checks in a year":  func(w *world, t shard.Turn) shard.Turn { t.Checked = w.clock().Unix() + 1<<25; return t },
		"names strange ids": func(_ *world, t shard.Turn) shard.Turn { t.Keepers = []peer.ID{"x", "", "y"}; return t },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3)
			s := newSample(t, 1, 1)
			nodes := w.byTurn(s)
			w.entrust(s, nodes...)
			nodes[0].lie = func(t shard.Turn) (shard.Turn, error) { return lie(w, t), nil }
			nodes[0].engine.err = errors.New("does not work")
			for range 4 * 9 {
				for _, n := range nodes[1:] {
					check(t, n.keeper.Round(t.Context()))
				}
				w.pass(6 * time.Hour)
			}
			if got := audits(nodes); got[1] == 0 {
				t.Errorf("audits %v: nobody looked for nine days", got)
			}
		})
	}
}

func TestRepairWhenHalfOfTheMarginIsGone(t *testing.T) {
	w := newWorld(t, 2)
	s := newSample(t, 1, 1)
	nodes := w.byTurn(s)
	w.entrust(s, nodes...)
	worker := nodes[0].engine
	for margin, repairs := range map[int]int{7: 0, 6: 1, -1: 1} {
		worker.audit.Health.Margin, worker.repairs = margin, 0
		w.round(6 * time.Hour)
		if worker.repairs != repairs {
			t.Errorf("margin %d of 12: %d repairs, want %d", margin, worker.repairs, repairs)
		}
		if repairs > 0 && nodes[0].record(s).Margin != 12 {
			t.Errorf("margin %d after the repair", nodes[0].record(s).Margin)
		}
	}
	slices.Sort(worker.avoided)
	if want := slices.Sorted(slices.Values(w.ids)); !slices.Equal(slices.Compact(worker.avoided), want) {
		t.Errorf("avoided %v, want both keepers", worker.avoided)
	}
}

func TestLeasesAreRenewed(t *testing.T) {
	w := newWorld(t, 1)
	s := newSample(t, 1, 1)
	n := w.nodes[w.ids[0]]
	w.entrust(s, n)
	for range 4 * 45 {
		w.round(6 * time.Hour)
	}
	if n.engine.renews != 3 {
		t.Errorf("%d renewals in 45 days, want 3", n.engine.renews)
	}
	// While one host cannot be told, all are told again every day.
	n.engine.silent, n.engine.renews = 1, 0
	for range 4 * 40 {
		w.round(6 * time.Hour)
	}
	if n.engine.renews < 20 || n.engine.renews > 30 {
		t.Errorf("%d renewals in 40 days, of which a third is over for some host on at least 20", n.engine.renews)
	}
}

func TestASilentKeeperIsReplaced(t *testing.T) {
	w := newWorld(t, 5)
	s := newSample(t, 1, 1)
	nodes := w.byTurn(s)
	w.entrust(s, nodes[:3]...)
	w.round(6 * time.Hour)
	nodes[1].down = true
	w.round(6 * time.Hour)
	for _, n := range w.nodes { // a restart does not forget
		n.start()
	}
	w.round(6 * time.Hour)
	w.round(6 * time.Hour)
	if nodes[3].keepsIt(s) || nodes[4].keepsIt(s) {
		t.Fatal("replaced before 24 h were over")
	}
	for range 3 {
		w.round(6 * time.Hour)
	}
	if nodes[3].keepsIt(s) == nodes[4].keepsIt(s) {
		t.Fatalf("new keepers: %v %v, want one", nodes[3].keepsIt(s), nodes[4].keepsIt(s))
	}
	fresh := nodes[3]
	if !fresh.keepsIt(s) {
		fresh = nodes[4]
	}
	for range 5 { // all of them have noticed
		w.round(6 * time.Hour)
	}
	for _, n := range []*node{nodes[0], nodes[2], fresh} {
		r := n.record(s)
		if got := r.Members.in(); r.Wanted != 3 || len(got) != 2 || slices.Contains(got, nodes[1].id) {
			t.Errorf("wanted %d, members %v", r.Wanted, r.Members)
		}
	}
	// The old one comes back, and is a keeper again.
	nodes[1].down = false
	for range 8 {
		w.round(6 * time.Hour)
	}
	for _, n := range w.nodes {
		if n.keepsIt(s) && len(n.record(s).Members.in()) != 3 {
			t.Errorf("members %v, want three others", n.record(s).Members)
		}
	}
}

// All keepers but one die one after the other, each before the next is silent
// for long: those left bring the number up again.
func TestKeepersKilledInTurn(t *testing.T) {
	w := newWorld(t, 3)
	s := newSample(t, 1, 1)
	w.entrust(s, w.byTurn(s)...)
	for d := range 30 {
		for range 4 {
			w.round(6 * time.Hour)
		}
		w.add()
		alive := 0
		for _, n := range w.nodes {
			if !n.down && n.keepsIt(s) {
				alive++
			}
		}
		if alive < 2 {
			t.Fatalf("day %d: %d keepers", d, alive)
		}
		if d%2 == 0 {
			for _, n := range w.byTurn(s) {
				if !n.down && n.keepsIt(s) {
					n.down = true
					break
				}
			}
		}
	}
}

func TestWhoIsCutOffGivesNobodyUp(t *testing.T) {
	w := newWorld(t, 5)
	s := newSample(t, 1, 1)
	nodes := w.byTurn(s)
	w.entrust(s, nodes[:3]...)
	w.round(6 * time.Hour)
	nodes[0].down = true
	nodes[0].engine.audit.Hosts = []transfer.HostReport{{Peer: "x", Unreachable: 1}}
	for range 20 {
		check(t, nodes[0].keeper.Round(t.Context()))
		w.pass(6 * time.Hour)
	}
	if got := nodes[0].record(s).Members.in(); len(got) != 2 {
		t.Errorf("members %v, want both", got)
	}
	nodes[0].engine.audit.Hosts = nil
	for range 4 * 200 {
		check(t, nodes[0].keeper.Round(t.Context()))
		w.pass(6 * time.Hour)
	}
	if !nodes[0].keepsIt(s) {
		t.Error("it dropped the file, and it was only cut off")
	}
}

func TestAFileOfWhichNothingIsLeftGoesAtLast(t *testing.T) {
	w := newWorld(t, 3)
	s := newSample(t, 1, 1)
	n, other := w.nodes[w.ids[0]], w.nodes[w.ids[1]]
	w.entrust(s, n, other)
	other.down = true
	_, host := identity(t, 500)
	n.engine.audit.Hosts = []transfer.HostReport{{Peer: host, Missing: 1}}
	n.engine.audit.Health.Margin = -1
	for d := range 120 {
		w.round(day)
		if kept := n.keepsIt(s); kept != (d <= 100) {
			t.Fatalf("day %d: kept %v", d, kept)
		}
	}
	if w.nodes[w.ids[2]].keepsIt(s) {
		t.Error("a dead file was handed on")
	}
}

func TestUntil(t *testing.T) {
	w := newWorld(t, 2)
	s := newSample(t, 1, 1)
	n := w.byTurn(s)[0]
	c := s.charge(n.id)
	c.Until = w.now.Add(10 * day).Unix()
	check(t, n.keeper.Keep(t.Context(), "", netip.Prefix{}, c, bytes.NewReader(s.repair)))
	for d := range 20 {
		w.round(day)
		if d < 10 && n.engine.audits != d+1 {
			t.Fatalf("day %d: %d audits", d, n.engine.audits)
		}
		if kept := n.keepsIt(s); kept != (d < 18) {
			t.Fatalf("day %d: kept %v", d, kept)
		}
	}
	if n.engine.audits != 11 || n.engine.leases[0] > 10*day {
		t.Errorf("%d audits, lease of %s", n.engine.audits, n.engine.leases[0])
	}
	if files, _ := filepath.Glob(filepath.Join(n.dir, "*")); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

func TestOneBadFileDoesNotStopTheOthers(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	bad, good := newSample(t, 1, 1), newSample(t, 2, 1)
	w.entrust(bad, n)
	w.pass(time.Minute)
	w.entrust(good, n)
	path := filepath.Join(n.dir, nameOf(bad.grant)+manifestSuffix)
	n.engine.atWork = func() {
		n.engine.err = nil
		if n.engine.manifests[len(n.engine.manifests)-1] == path {
			n.engine.err = shard.ErrManifest
		}
	}
	if err := n.keeper.Round(t.Context()); !errors.Is(err, shard.ErrManifest) {
		t.Errorf("error %v", err)
	}
	if n.engine.audits != 2 || !n.keepsIt(bad) || !n.keepsIt(good) {
		t.Fatalf("%d audits", n.engine.audits)
	}
	// Of a manifest that is damaged indeed nothing can come.
	writeFile(t, path, []byte("rubbish"))
	w.pass(6 * time.Hour)
	if err := n.keeper.Round(t.Context()); err == nil || n.keepsIt(bad) || !n.keepsIt(good) {
		t.Errorf("error %v, kept %v and %v", err, n.keepsIt(bad), n.keepsIt(good))
	}
}

// A round that is killed goes on where it was.
func TestARoundGoesOnAfterAKill(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	for i := range byte(6) {
		w.entrust(newSample(t, i, 1), n)
	}
	ctx, kill := context.WithCancel(t.Context())
	n.engine.atWork = func() {
		if n.engine.audits == 3 {
			kill()
		}
	}
	wantErr(t, n.keeper.Round(ctx), context.Canceled)
	n.start()
	check(t, n.keeper.Round(t.Context()))
	if n.engine.audits != 7 { // the third once more
		t.Errorf("%d audits of 6 files, want 7", n.engine.audits)
	}
	check(t, n.keeper.Round(t.Context()))
	if n.engine.audits != 7 {
		t.Error("files are audited again at once")
	}
}

func TestOrderOfARound(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[w.ids[0]]
	own, old, risk, newest := newSample(t, 1, 1), newSample(t, 2, 1), newSample(t, 3, 1), newSample(t, 4, 1)
	ownPath := filepath.Join(t.TempDir(), "own.batchain")
	writeFile(t, ownPath, own.read)
	n.own = []string{ownPath}
	for i, s := range []sample{newest, old, risk} {
		w.entrust(s, n)
		check(t, n.keeper.update(n.keeper.charges[ownerOf(s.grant)], func(r *record) {
			r.Checked, r.Margin, r.Full = w.now.Add(-time.Duration(i)*day).Unix(), 12, 12
		}))
	}
	check(t, n.keeper.update(n.keeper.charges[ownerOf(risk.grant)], func(r *record) { r.Checked, r.Margin = w.now.Unix(), 3 }))
	check(t, n.keeper.Round(t.Context()))
	want := []string{ownPath}
	for _, s := range []sample{risk, old, newest} {
		want = append(want, filepath.Join(n.dir, nameOf(s.grant)+manifestSuffix))
	}
	if !slices.Equal(n.engine.manifests, want) {
		t.Errorf("order %v, want %v", n.engine.manifests, want)
	}
}

func TestOwnFilesAreKept(t *testing.T) {
	w := newWorld(t, 2)
	n := w.nodes[w.ids[0]]
	s := newSample(t, 1, 1)
	path := filepath.Join(t.TempDir(), "own.batchain")
	writeFile(t, path, s.read)
	n.own = []string{path, path + "-none"}
	n.engine.audit.Health.Margin = 2
	if err := n.keeper.Round(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	n.own = n.own[:1]
	for range 8 {
		w.round(6 * time.Hour)
	}
	if e := n.engine; e.audits != 9 || e.repairs != 1 || e.renews != 1 {
		t.Errorf("%d audits, %d repairs, %d renewals", e.audits, e.repairs, e.renews)
	}
	n.own = nil
	w.round(6 * time.Hour)
	if len(n.keeper.own) != 0 || n.engine.audits != 9 {
		t.Error("a file that is the owner's no more is remembered")
	}
}

func TestRunMakesRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, nodes: map[peer.ID]*node{}, found: map[shard.Locator][]peer.ID{}, now: time.Now()}
		_, id := identity(t, 0)
		n := &node{w: w, id: id, dir: t.TempDir(), engine: &fakeEngine{}, host: &fakeHost{id: id}}
		n.engine.reset()
		w.nodes[id], w.ids = n, []peer.ID{id}
		cfg := n.config()
		cfg.Now = time.Now
		var err error
		n.keeper, err = New(cfg)
		check(t, err)
		w.entrust(newSample(t, 1, 1), n)
		ctx, stop := context.WithTimeoutCause(t.Context(), 10*day, errDown)
		defer stop()
		wantErr(t, n.keeper.Run(ctx), nil)
		if n.engine.audits < 35 || n.engine.audits > 45 {
			t.Errorf("%d rounds in ten days, want about 40", n.engine.audits)
		}
	})
}
