package transfer

import (
	"context"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// minding is a store that minds the lots and notes it takes.
type minding struct {
	exchange.Store
	mu    sync.Mutex
	lots  []shard.Lot
	notes []shard.NoteLot
}

func (m *minding) Receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	end, err := m.Store.Receive(ctx, lot, ready)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		lot.Draft = false // confirmed by now
		m.lots = append(m.lots, lot)
	}
	return end, err
}

func (m *minding) PutNote(lot shard.NoteLot) (time.Time, error) {
	end, err := m.Store.PutNote(lot)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.notes = append(m.notes, lot)
	}
	return end, err
}

func each2[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range all {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// leaver is a bed in which the first host minds what it keeps and can leave.
type leaver struct {
	*bed
	mind    *minding
	journal string
}

func newLeaver(t *testing.T, hosts int) *leaver {
	b := newBed(t, hosts)
	k := b.hosts[0]
	l := &leaver{bed: b, mind: &minding{Store: k.store}, journal: t.TempDir()}
	k.stop()
	k.keeps = l.mind
	k.serve(t)
	return l
}

func (l *leaver) leave(ctx context.Context, report func(Progress)) (EvacuateResult, error) {
	k := l.hosts[0]
	e := New(Config{Host: k.host, Client: exchange.NewClient(k.host, mesh, l.times), Finder: l.bed, Mesh: mesh, Journal: l.journal})
	return e.Evacuate(ctx, each2(l.mind.lots), each2(l.mind.notes), k.keeps.Open, report)
}

// note gives every host of the manifest a note of the file's.
func (l *leaver) note(manifest string) {
	l.t.Helper()
	m := l.open(manifest)
	blob := []byte("sealed")
	terms := shard.Note{Grant: shard.GrantDigest(m.SignedGrant), Writer: 1, Seq: 1, Length: uint32(len(blob)), Sum: blake3.Sum256(blob), Lease: 3600}
	signed, err := terms.Sign(l.seed.AdminKey(m.Private.File), mesh)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range m.Hosts {
		if _, err := l.engine.cfg.Client.PutNote(l.t.Context(), p.ID, shard.SignedNote{Grant: m.SignedGrant, Note: signed, Blob: blob}, terms); err != nil {
			l.t.Fatal(err)
		}
	}
}

// announce makes the hosts of a manifest known.
func (l *leaver) announce(manifest string) {
	for _, p := range l.open(manifest).Hosts {
		l.known[p.ID] = true
	}
}

// A leaving host's shards and notes go to hosts that have nothing of the file,
// and the file is as safe as before without it.
func TestEvacuate(t *testing.T) {
	l := newLeaver(t, 5)
	l.cut(twoThree, segmentSize)
	path, content := l.file("f", 6*segmentSize)
	manifest := l.put(path, PutOptions{}).Manifest
	l.note(manifest)
	l.announce(manifest)
	had := len(l.mind.lots)
	news := []*keeper{l.addHost(), l.addHost()}
	liar := l.addLiar(exchangetest.RejectsLate) // says that it has room, and has none
	r, err := l.leave(t.Context(), quiet)
	if err != nil || r.Shards != had || r.Moved != had || r.Left != 0 || r.Notes != 1 || r.NotesLeft != 0 || len(r.Why) != 0 {
		t.Fatalf("%d shards: %+v, %v", had, r, err)
	}
	if got := len(news[0].store.IDs()) + len(news[1].store.IDs()); got != had {
		t.Errorf("new hosts have %d shards of %d", got, had)
	}
	if len(l.hosts[0].store.IDs()) != had {
		t.Error("something was deleted")
	}
	l.hosts[0].die()
	liar.die()
	for _, k := range news {
		l.known[k.host.ID()] = true
	}
	if r := l.repair(manifest, RepairOptions{}); r.Rebuilt != 0 || r.Health.Margin != 3 {
		t.Errorf("without it: %+v", r)
	}
	l.apart(manifest)
	l.get(manifest, content)
}

// A leaving that is cut short goes on where it stopped, also when its heirs have
// announced themselves meanwhile.
func TestEvacuateGoesOn(t *testing.T) {
	l := newLeaver(t, 5)
	l.cut(twoThree, segmentSize)
	path, _ := l.file("f", 20*segmentSize)
	manifest := l.put(path, PutOptions{}).Manifest
	l.announce(manifest)
	heir := l.addHost()
	had, cut := len(l.mind.lots), errors.New("cut short")
	ctx, cancel := context.WithCancelCause(t.Context())
	steps := 0
	r, err := l.leave(ctx, func(p Progress) {
		if steps++; steps == 12 {
			cancel(cut)
		}
	})
	if !errors.Is(err, cut) || r.Moved == 0 || r.Moved == had {
		t.Fatalf("%+v, %v", r, err)
	}
	l.known[heir.host.ID()] = true
	r, err = l.leave(t.Context(), quiet)
	if err != nil || r.Moved != had || r.Left != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if needed := int64(had * segmentSize / 2); heir.store.Delivered() > needed {
		t.Errorf("%d bytes arrived, %d are needed", heir.store.Delivered(), needed)
	}
	heir.admit(func(int64) error { return wire.ErrFull }) // nobody is asked for what has left
	l.addHost()
	if r, err = l.leave(t.Context(), quiet); err != nil || r.Moved != had || r.Bytes != 0 {
		t.Errorf("again: %+v, %v", r, err)
	}
}

// What nobody takes is counted, and why.
func TestEvacuateLeavesWhatNobodyTakes(t *testing.T) {
	for name, tc := range map[string]struct {
		luck func(*leaver)
		why  string
	}{
		"only hosts of the file": {func(*leaver) {}, errNoTaker.Error()},
		"all others are full": {func(l *leaver) {
			l.addHost().admit(func(int64) error { return wire.ErrFull })
		}, errNoTaker.Error()},
		"damaged here": {func(l *leaver) {
			l.addHost()
			for _, id := range l.hosts[0].store.IDs() {
				l.hosts[0].store.Damage(id)
			}
		}, "damaged here"},
		"deleted by its owner": {func(l *leaver) {
			if _, err := l.addHost().store.Delete(l.mind.lots[0].Grant); err != nil {
				l.t.Fatal(err)
			}
		}, "its owner deleted the file"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLeaver(t, 5)
			path, _ := l.file("f", 1<<20)
			l.announce(l.put(path, PutOptions{}).Manifest)
			tc.luck(l)
			r, err := l.leave(t.Context(), quiet)
			if err != nil || r.Shards != 1 || r.Left != 1 || r.Moved != 0 || r.Why[tc.why] != 1 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// Several shards of one segment go to as many hosts as there are.
func TestEvacuateSpreads(t *testing.T) {
	l := newLeaver(t, 2)
	path, _ := l.file("f", 1<<20)
	l.announce(l.put(path, PutOptions{Scheme: shard.Scheme{Data: 4, Parity: 4}, Colocate: true}).Manifest)
	heirs := []*keeper{l.addHost(), l.addHost()}
	r, err := l.leave(t.Context(), quiet)
	if err != nil || r.Moved != 4 || len(heirs[0].store.IDs()) != 2 || len(heirs[1].store.IDs()) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestEvacuateErrors(t *testing.T) {
	l := newLeaver(t, 2)
	broken := errors.New("index is broken")
	fails := func(yield func(shard.Lot, error) bool) { yield(shard.Lot{}, broken) }
	e := New(Config{Host: l.hosts[0].host, Finder: l.bed, Mesh: mesh, Journal: l.journal})
	if _, err := e.Evacuate(t.Context(), fails, each2[shard.NoteLot](nil), nil, quiet); !errors.Is(err, broken) {
		t.Error(err)
	}
	e.cfg.Journal = filepath.Join(l.journal, "none")
	if _, err := e.Evacuate(t.Context(), each2[shard.Lot](nil), each2[shard.NoteLot](nil), nil, quiet); err == nil {
		t.Error("no file to note down what has left, and no error")
	}
}
