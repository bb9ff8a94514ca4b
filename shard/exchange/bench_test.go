package exchange_test

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
)

const benchLength = 2 << 20

// sink is a store that does no work of its own: what is measured is the
// exchange.
type sink struct {
	*exchangetest.Store
	body []byte
	buf  []byte
}

func (s *sink) Receive(_ context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	r, err := ready(0)
	if err != nil {
		return time.Time{}, err
	}
	for left := int(lot.Offer.Length); left > 0; {
		n, err := r.Read(s.buf)
		if left -= n; err != nil {
			return time.Time{}, err
		}
	}
	return time.Now().Add(time.Duration(lot.Offer.Lease) * time.Second), nil
}

func (s *sink) Open(shard.ID) (io.ReadSeekCloser, int64, error) {
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(s.body), io.NopCloser(nil)}, int64(len(s.body)), nil
}

// bench is two hosts, a server on one of them, and beside it two protocols
// that only copy: "/take" reads a shard and answers a byte, "/give" reads a
// byte and writes a shard, over streams of their own, as plain as can be.
type bench struct {
	c        *exchange.Client
	from, to host.Host
	lot      exchange.Outgoing
	body     []byte
	got      []byte
}

func newBench(b testing.TB) *bench {
	body := noise(1, benchLength)
	n := serve(b, func(cfg *exchange.ServerConfig) {
		cfg.Store = &sink{body: body, buf: make([]byte, exchange.BulkSize)}
	})
	c, h := dialler(b, exchange.Timeouts{}, n.host)
	buf := make([]byte, exchange.BulkSize)
	n.host.SetStreamHandler("/take", func(s network.Stream) {
		defer s.Close()
		for left := benchLength; left > 0; {
			n, err := s.Read(buf)
			if left -= n; err != nil {
				return
			}
		}
		_, _ = s.Write(buf[:1])
	})
	n.host.SetStreamHandler("/give", func(s network.Stream) {
		defer s.Close()
		_, _ = io.ReadFull(s, make([]byte, 1))
		for rest := body; len(rest) > 0; rest = rest[exchange.BulkSize:] {
			copy(buf, rest) // as a disk would
			if _, err := s.Write(buf); err != nil {
				return
			}
		}
	})
	if err := h.Connect(b.Context(), peer.AddrInfo{ID: n.host.ID()}); err != nil {
		b.Fatal(err)
	}
	return &bench{c: c, from: h, to: n.host, lot: newFile(b).lot(b, 0, 0, body), body: body, got: make([]byte, benchLength)}
}

// plain copies over a bare stream: send out, receive back.
func (x *bench) plain(b testing.TB, id protocol.ID, send, receive []byte) {
	s, err := x.from.NewStream(b.Context(), x.to.ID(), id)
	if err != nil {
		b.Fatal(err)
	}
	for rest := send; len(rest) > 0; {
		n, err := s.Write(rest[:min(len(rest), exchange.BulkSize)])
		if rest = rest[n:]; err != nil {
			b.Fatal(err)
		}
	}
	if _, err := io.ReadFull(s, receive); err != nil {
		b.Fatal(err)
	}
	_ = s.Close()
}

func (x *bench) offer(b testing.TB) {
	if _, _, err := x.c.Offer(b.Context(), x.to.ID(), x.lot, x.body, nil); err != nil {
		b.Fatal(err)
	}
}

func (x *bench) fetch(b testing.TB) {
	if err := x.c.Fetch(b.Context(), x.to.ID(), x.lot.Terms.Shard, 0, x.got, nil); err != nil {
		b.Fatal(err)
	}
}

// compare times ours and the plain copy in turns and reports the ratio.
func compare(b *testing.B, ours, plain func()) {
	for range 5 { // windows open, pools fill
		ours()
		plain()
	}
	b.SetBytes(benchLength)
	b.ReportAllocs()
	var ourTime, plainTime time.Duration
	for b.Loop() {
		began := time.Now()
		ours()
		ourTime += time.Since(began)
		b.StopTimer()
		began = time.Now()
		plain()
		plainTime += time.Since(began)
		b.StartTimer()
	}
	b.ReportMetric(float64(ourTime)/float64(plainTime), "x-plain")
	b.ReportMetric(float64(plainTime)/float64(b.N)/1e3, "plain-µs")
}

// BenchmarkOffer is one shard of 2 MiB out and its receipt home, without any
// store, against a plain stream copy.
func BenchmarkOffer(b *testing.B) {
	x := newBench(b)
	compare(b, func() { x.offer(b) }, func() { x.plain(b, "/take", x.body, make([]byte, 1)) })
}

// BenchmarkFetch is the way back.
func BenchmarkFetch(b *testing.B) {
	x := newBench(b)
	compare(b, func() { x.fetch(b) }, func() { x.plain(b, "/give", []byte{0}, x.got) })
}

// BenchmarkAsk is one small operation: a stream, a frame each way.
func BenchmarkAsk(b *testing.B) {
	n := serve(b, nil)
	c, _ := dialler(b, exchange.Timeouts{}, n.host)
	for b.Loop() {
		if _, err := c.Ask(b.Context(), n.host.ID(), 1, shard.LeaseDefault); err != nil {
			b.Fatal(err)
		}
	}
}

// A transfer allocates next to nothing beside what libp2p's streams do: no
// buffer, no copy. Both ends are in this process.
func TestTransferAllocates(t *testing.T) {
	x := newBench(t)
	measure := func(run func()) int64 {
		const runs = 50
		for range 5 {
			run()
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			run()
		}
		runtime.ReadMemStats(&after)
		return int64(after.TotalAlloc-before.TotalAlloc) / runs
	}
	got := make([]byte, 1)
	plain := measure(func() { x.plain(t, "/take", x.body, got) })
	out := measure(func() { x.offer(t) })
	home := measure(func() { x.fetch(t) })
	t.Logf("%d bytes: a plain copy allocates %d, OFFER %d, FETCH %d", benchLength, plain, out, home)
	if most := plain + plain/2 + 32<<10; out > most || home > most { // under -race pools leak
		t.Errorf("at most %d are expected", most)
	}
}
