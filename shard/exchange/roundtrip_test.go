package exchange_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

func TestAskOfferFetch(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f := newFile(t)
	for _, size := range []int{1, 64, exchange.BulkSize, 2<<20 + 64} {
		body := noise(uint64(size), size)
		answer, err := c.Ask(t.Context(), n.host.ID(), int64(size), shard.LeaseDefault)
		if err != nil || !answer.Takes || answer.Free <= 0 || answer.Why != nil {
			t.Fatalf("Ask = %+v, %v", answer, err)
		}
		o := f.lot(t, 0, 0, body)
		sent := 0
		signed, receipt, err := c.Offer(t.Context(), n.host.ID(), o, body, func(n int) { sent += n })
		if err != nil {
			t.Fatal(err)
		}
		if receipt.Shard != o.Terms.Shard || receipt.Host != n.host.ID() || sent != size || !n.holds(t, body) {
			t.Errorf("size %d: sent %d, receipt %+v", size, sent, receipt)
		}
		if _, err := shard.OpenReceipt(signed, n.host.ID(), mesh, o.Terms); err != nil {
			t.Error(err)
		}
		got, counted := make([]byte, size), 0
		if err := c.Fetch(t.Context(), n.host.ID(), o.Terms.Shard, 0, got, func(n int) { counted += n }); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, body) || counted != size {
			t.Errorf("size %d: other bytes came back, %d counted", size, counted)
		}
	}
}

func TestFetchRange(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	body := noise(1, 300<<10)
	o := newFile(t).lot(t, 0, 0, body)
	if _, _, err := c.Offer(t.Context(), n.host.ID(), o, body, nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]int{{0, 1}, {1, 299 << 10}, {300<<10 - 1, 1}, {70_000, 100_000}} {
		got := make([]byte, r[1])
		if err := c.Fetch(t.Context(), n.host.ID(), o.Terms.Shard, int64(r[0]), got, nil); err != nil {
			t.Fatalf("range %v: %v", r, err)
		}
		if !bytes.Equal(got, body[r[0]:r[0]+r[1]]) {
			t.Errorf("range %v: other bytes", r)
		}
	}
	for _, r := range [][2]int{{1, 300 << 10}, {300 << 10, 1}, {400 << 10, 1}} {
		if err := c.Fetch(t.Context(), n.host.ID(), o.Terms.Shard, int64(r[0]), make([]byte, r[1]), nil); !errors.Is(err, wire.ErrDamaged) {
			t.Errorf("range %v beyond the end: %v, want ErrDamaged", r, err)
		}
	}
	if err := c.Fetch(t.Context(), n.host.ID(), shard.ID{1}, 0, make([]byte, 1), nil); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("unknown shard: %v, want ErrNotFound", err)
	}
}

func TestOfferAgainIsDone(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	body := noise(1, 1<<20)
	o := newFile(t).lot(t, 3, 4, body)
	for i := range 3 {
		sent := 0
		_, receipt, err := c.Offer(t.Context(), n.host.ID(), o, body, func(n int) { sent += n })
		if err != nil {
			t.Fatal(err)
		}
		if want := len(body); (i == 0) != (sent == want) || receipt.Segment != 3 || receipt.Index != 4 {
			t.Errorf("try %d: sent %d, receipt %+v", i, sent, receipt)
		}
	}
	if n.store.Delivered() != int64(len(body)) {
		t.Errorf("%d bytes went over the wire, want %d", n.store.Delivered(), len(body))
	}
	// Another owner of the same bytes must prove that it has them.
	other := newFile(t).lot(t, 0, 0, body)
	sent := 0
	if _, _, err := c.Offer(t.Context(), n.host.ID(), other, body, func(n int) { sent += n }); err != nil || sent != len(body) {
		t.Errorf("another owner: sent %d, %v", sent, err)
	}
}

func TestListAndDelete(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, id := newFile(t), n.host.ID()
	const count = 1030 // more than a page
	for i := range count {
		body := noise(uint64(i), 64)
		if _, _, err := c.Offer(t.Context(), id, f.lot(t, uint32(i), 0, body), body, nil); err != nil {
			t.Fatal(err)
		}
	}
	var all []shard.Held
	var cursor []byte
	for pages := 1; ; pages++ {
		rows, next, err := c.List(t.Context(), id, f.signed, f.order(t, shard.OrderList, id, time.Hour, cursor))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
		if cursor = next; next == nil {
			if pages != 2 {
				t.Errorf("%d pages, want 2", pages)
			}
			break
		}
	}
	for i, row := range all {
		if row.Segment != uint32(i) || row.Length != 64 || row.Shard != shard.Sum(noise(uint64(i), 64)) {
			t.Fatalf("row %d: %+v", i, row)
		}
	}
	if len(all) != count {
		t.Fatalf("%d rows, want %d", len(all), count)
	}
	for i, want := range []int{count, 0} {
		got, err := c.Delete(t.Context(), id, f.signed, f.order(t, shard.OrderDelete, id, time.Hour, nil))
		if err != nil || got != want {
			t.Errorf("delete %d: %d, %v; want %d", i, got, err, want)
		}
	}
	body := noise(1, 64)
	if _, _, err := c.Offer(t.Context(), id, f.lot(t, 1, 0, body), body, nil); !errors.Is(err, wire.ErrDeleted) {
		t.Errorf("offer after delete: %v, want ErrDeleted", err)
	}
}
