package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// forgetful loses what it promised before it is confirmed.
type forgetful struct {
	exchange.Store
	asked atomic.Int32
	loses func(shard.Held) bool
	fails error // of RENEW, may be nil
}

func (f *forgetful) Renew(g shard.Grant, spots []shard.Spot, lease time.Duration, after []byte, limit int) ([]shard.Held, []byte, error) {
	f.asked.Add(1)
	if f.fails != nil {
		return nil, nil, f.fails
	}
	rows, next, err := f.Store.Renew(g, spots, lease, after, limit)
	var kept []shard.Held
	for _, r := range rows {
		if !f.loses(r) {
			kept = append(kept, r)
		}
	}
	return kept, next, err
}

func (b *bed) addForgetful(loses func(shard.Held) bool, fails error) *keeper {
	k := b.addHost()
	k.stop()
	k.keeps = &forgetful{Store: k.store, loses: loses, fails: fails}
	k.serve(b.t)
	return k
}

func everything(shard.Held) bool { return true }

func (b *bed) drafts() (sum int) {
	for _, k := range b.hosts {
		sum += k.store.Drafts()
	}
	return sum
}

// holds counts the placements at a host.
func (b *bed) holds(manifest string, p peer.ID) (count int) {
	b.t.Helper()
	m := b.open(manifest)
	for s, err := range m.Segments() {
		if err != nil {
			b.t.Fatal(err)
		}
		for _, at := range s.Placed {
			if m.Hosts[at.Host].ID == p {
				count++
			}
		}
	}
	return count
}

// straight puts a file and fails the test when its progress goes back, or does
// not end with all of it being confirmed.
func (b *bed) straight(path string, opts PutOptions) PutResult {
	b.t.Helper()
	var last Progress
	confirming := false
	r, err := b.engine.Put(b.t.Context(), Source{Path: path}, opts, func(p Progress) {
		if p.Phase == "find" {
			return
		}
		if p.Done < last.Done || confirming && p.Phase != "confirm" {
			b.t.Errorf("after %+v came %+v", last, p)
		}
		last, confirming = p, p.Phase == "confirm"
	})
	if err != nil {
		b.t.Fatalf("put: %v", err)
	}
	if !confirming || last.Done != r.Size || last.Total != r.Size {
		b.t.Errorf("a put of %d bytes ends with %+v", r.Size, last)
	}
	return r
}

func TestPutIsConfirmed(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 6*segmentSize)
	during := 0
	r := b.putWith(path, func() { during = b.drafts() })
	if during == 0 || b.drafts() != 0 || r.Shortfall != "" {
		t.Errorf("%d drafts during the put, %d after it: %+v", during, b.drafts(), r)
	}
	b.get(r.Manifest, content)
}

// What is given up stays a draft, which hosts drop by themselves; the same put
// again confirms it.
func TestPutThatIsCutShortLeavesDrafts(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, _ := b.file("f", 6*segmentSize)
	if _, err := b.tryPut(Source{Path: path}, PutOptions{}, 12); err == nil {
		t.Fatal("the put was not cut short")
	}
	if b.drafts() == 0 {
		t.Error("nothing is a draft")
	}
	began := b.journal().start.File
	b.restart()
	if r := b.put(path, PutOptions{}); b.drafts() != 0 || r.File != began {
		t.Errorf("%d drafts after the put: %+v", b.drafts(), r)
	}
}

func TestWhatIsNotConfirmedGoesElsewhere(t *testing.T) {
	for name, add := range map[string]func(*bed) *keeper{
		"forgets all":        func(b *bed) *keeper { return b.addForgetful(everything, nil) },
		"refuses to confirm": func(b *bed) *keeper { return b.addForgetful(nil, wire.ErrDeleted) },
		"pages without end":  func(b *bed) *keeper { return b.addLiar(exchangetest.EndlessPages) },
		"renews one twice":   func(b *bed) *keeper { return b.addLiar(exchangetest.RenewsTwice) },
		"has another clock":  func(b *bed) *keeper { return b.addForgetful(nil, wire.ErrExpired) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 5)
			b.cut(twoThree, segmentSize)
			bad := add(b)
			path, content := b.file("f", 5*segmentSize)
			r := b.straight(path, PutOptions{Scheme: twoThree})
			if n := b.holds(r.Manifest, bad.host.ID()); n != 0 || r.Shortfall != "" {
				t.Errorf("%d shards are said to be with it: %+v", n, r)
			}
			b.get(r.Manifest, content)
		})
	}
}

// Without others to step in what is not confirmed is told; with too few the put
// has not succeeded, and the next one does not trust the receipts.
func TestTooFewConfirm(t *testing.T) {
	for bad := 1; bad <= 2; bad++ {
		b := newBed(t, 5-bad)
		b.cut(twoThree, segmentSize)
		for range bad {
			b.addForgetful(nil, wire.ErrInternal)
		}
		path, content := b.file("f", 3*(segmentSize-shard.SealOverhead))
		r, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, quiet)
		var short *ShortError
		if bad == 1 {
			if err != nil || r.Shortfall == "" || r.Hosts != 4 {
				t.Errorf("one does not confirm: %+v, %v", r, err)
			}
			b.get(r.Manifest, content)
			continue
		}
		if !errors.As(err, &short) || short.Have != 3 || short.Need != 4 {
			t.Fatalf("two do not confirm: %v", err)
		}
		if left, _ := os.ReadDir(filepath.Join(b.home, "manifests")); len(left) != 0 {
			t.Errorf("there is a manifest: %v", left)
		}
		b.hosts = b.hosts[:3]
		b.addHost()
		b.addHost()
		began := b.journal().start.File
		b.restart()
		if r = b.put(path, PutOptions{}); r.Shortfall != "" || r.File != began {
			t.Errorf("%+v", r)
		}
		b.get(r.Manifest, content)
	}
}

func TestPutExpires(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 1<<20)
	expires := time.Now().Add(36 * time.Hour)
	m := b.open(b.put(path, PutOptions{Expires: expires}).Manifest)
	if m.Private.Expires != expires.Unix() {
		t.Errorf("expires %d, want %d", m.Private.Expires, expires.Unix())
	}
	for _, k := range b.hosts {
		for _, row := range k.rows(t, m) {
			if row.LeaseEnd > expires.Unix()+1 || row.LeaseEnd < expires.Unix()-60 {
				t.Errorf("lease ends %d, the file expires %d", row.LeaseEnd, expires.Unix())
			}
		}
	}
	if _, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{Expires: time.Now().Add(-time.Hour)}, quiet); !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("expired before it is put: %v", err)
	}
}
