package exchange_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// raw sends bytes on a stream of its own and returns the host's REJECT.
func raw(t testing.TB, from host.Host, to peer.ID, bytes []byte) error {
	t.Helper()
	s, err := from.NewStream(t.Context(), to, exchange.ProtocolID(mesh))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reset()
	_ = s.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := s.Write(bytes); err != nil {
		t.Fatal(err)
	}
	kind, payload, err := wire.ReadFrame(s, wire.MaxErrorSize)
	if err != nil || kind != wire.KindError {
		t.Fatalf("answer of kind %d, %v; want a REJECT", kind, err)
	}
	if rest, err := io.ReadAll(s); err != nil || len(rest) > 0 {
		t.Errorf("after the REJECT: %d bytes, %v", len(rest), err)
	}
	return wire.ReadError(payload)
}

func TestRequestsRefused(t *testing.T) {
	n := serve(t, nil)
	_, h := dialler(t, exchange.Timeouts{}, n.host)
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"AUDIT":               {wire.AppendFrame(nil, 5, []byte{0xa0}), wire.ErrUnsupported},
		"RENEW":               {wire.AppendFrame(nil, 6, []byte{0xa0}), wire.ErrUnsupported},
		"NOTE_PUT":            {wire.AppendFrame(nil, 8, []byte{0xa0}), wire.ErrUnsupported},
		"NOTE_GET":            {wire.AppendFrame(nil, 9, []byte{0xa0}), wire.ErrUnsupported},
		"unknown":             {wire.AppendFrame(nil, 100, []byte{0xa0}), wire.ErrUnsupported},
		"unknown, 4 GiB":      {[]byte{0xff, 0xff, 0xff, 0xff, 100}, wire.ErrUnsupported},
		"a REJECT":            {wire.AppendFrame(nil, 0, []byte{0xa0}), wire.ErrUnsupported},
		"ASK, 4 GiB":          {[]byte{0xff, 0xff, 0xff, 0xff, 1}, wire.ErrTooBig},
		"OFFER, over 4 KiB":   {[]byte{0x00, 0x00, 0x10, 0x02, 2}, wire.ErrTooBig},
		"no kind":             {[]byte{0, 0, 0, 0, 1}, wire.ErrBadRequest},
		"ASK, not CBOR":       {wire.AppendFrame(nil, 1, []byte{0xff}), wire.ErrBadRequest},
		"ASK, empty":          {wire.AppendFrame(nil, 1, nil), wire.ErrBadRequest},
		"ASK, twice a key":    {wire.AppendFrame(nil, 1, []byte{0xa2, 1, 1, 1, 1}), wire.ErrBadRequest},
		"ASK, no lease":       {wire.AppendFrame(nil, 1, []byte{0xa1, 1, 1}), wire.ErrBadRequest},
		"ASK, negative":       {wire.AppendFrame(nil, 1, []byte{0xa2, 1, 0x20, 2, 1}), wire.ErrBadRequest},
		"ASK, 2^64-1":         {wire.AppendFrame(nil, 1, []byte{0xa2, 1, 0x1b, 255, 255, 255, 255, 255, 255, 255, 255, 2, 1}), wire.ErrTooBig},
		"OFFER, nothing":      {wire.AppendFrame(nil, 2, []byte{0xa0}), wire.ErrBadRequest},
		"FETCH, short id":     {wire.AppendFrame(nil, 3, []byte{0xa1, 1, 0x41, 1}), wire.ErrBadRequest},
		"FETCH, nothing":      {wire.AppendFrame(nil, 3, []byte{0xa0}), wire.ErrNotFound},
		"LIST, nothing":       {wire.AppendFrame(nil, 4, []byte{0xa0}), wire.ErrBadRequest},
		"DELETE, trailing":    {wire.AppendFrame(nil, 7, []byte{0xa0, 0xa0}), wire.ErrBadRequest},
		"ASK, lease for ever": {wire.AppendFrame(nil, 1, []byte{0xa1, 2, 0x1a, 255, 255, 255, 255}), wire.ErrBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			if err := raw(t, h, n.host.ID(), c.bytes); !errors.Is(err, c.want) {
				t.Errorf("answered %v, want %v", err, c.want)
			}
		})
	}
}

func TestForgeriesRefused(t *testing.T) {
	n := serve(t, nil)
	c, h := dialler(t, exchange.Timeouts{}, n.host)
	id, f, other, body := n.host.ID(), newFile(t), newFile(t), noise(1, 64)
	good := f.lot(t, 0, 0, body)
	offer := func(o exchange.Outgoing) error {
		_, _, err := c.Offer(t.Context(), id, o, body[:o.Terms.Length], nil)
		return err
	}
	resigned := func(change func(*shard.Offer)) exchange.Outgoing {
		o := good
		change(&o.Terms)
		var err error
		if o.Offer, err = o.Terms.Sign(f.seed.FileKey(f.id).RepairKey(), mesh); err != nil {
			t.Fatal(err)
		}
		return o
	}
	_, stranger, err := shard.NewGrant(f.seed, f.id, "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"grant of another file":  offer(exchange.Outgoing{Grant: other.signed, Offer: good.Offer, Terms: good.Terms}),
		"grant of another mesh":  offer(exchange.Outgoing{Grant: stranger, Offer: good.Offer, Terms: good.Terms}),
		"offer of another file":  offer(exchange.Outgoing{Grant: f.signed, Offer: other.lot(t, 0, 0, body).Offer, Terms: good.Terms}),
		"offer for a LIST":       second(c.List(t.Context(), id, f.signed, good.Offer)),
		"LIST for a DELETE":      last(c.Delete(t.Context(), id, f.signed, f.order(t, shard.OrderList, id, time.Hour, nil))),
		"DELETE for a LIST":      second(c.List(t.Context(), id, f.signed, f.order(t, shard.OrderDelete, id, time.Hour, nil))),
		"LIST for another host":  second(c.List(t.Context(), id, f.signed, f.order(t, shard.OrderList, h.ID(), time.Hour, nil))),
		"LIST of another file":   second(c.List(t.Context(), id, f.signed, other.order(t, shard.OrderList, id, time.Hour, nil))),
		"DELETE of another file": last(c.Delete(t.Context(), id, f.signed, other.order(t, shard.OrderDelete, id, time.Hour, nil))),
	} {
		if !errors.Is(err, wire.ErrBadSignature) {
			t.Errorf("%s: %v, want ErrBadSignature", name, err)
		}
	}
	if err := offer(resigned(func(o *shard.Offer) { o.Lease = 0 })); !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("no lease: %v", err)
	}
	if err := offer(resigned(func(o *shard.Offer) { o.Lease = 1 << 31 })); !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("lease for ever: %v", err)
	}
	if err := offer(resigned(func(o *shard.Offer) { o.Length = 0 })); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("no length: %v", err)
	}
	if err := offer(resigned(func(o *shard.Offer) { o.Shard[0]++ })); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("other bytes: %v", err)
	}
	if n.store.Shards() != 0 {
		t.Errorf("%d shards were kept", n.store.Shards())
	}
}

func second[A, B any](_ A, _ B, err error) error { return err }
func last[A any](_ A, err error) error           { return err }

func TestClocks(t *testing.T) {
	for _, c := range []struct {
		ahead time.Duration // of the host's clock
		want  error
	}{{0, nil}, {time.Hour, nil}, {-time.Hour, nil}, {-24 * time.Hour, nil}, {24 * time.Hour, wire.ErrExpired}} {
		n := serve(t, func(cfg *exchange.ServerConfig) {
			cfg.Now = func() time.Time { return time.Now().Add(c.ahead) }
		})
		cl, _ := dialler(t, exchange.Timeouts{}, n.host)
		f, id, body := newFile(t), n.host.ID(), noise(1, 64)
		if _, _, err := cl.List(t.Context(), id, f.signed, f.order(t, shard.OrderList, id, time.Minute, nil)); !errors.Is(err, c.want) {
			t.Errorf("LIST, host %v ahead: %v, want %v", c.ahead, err, c.want)
		}
		if _, err := cl.Delete(t.Context(), id, f.signed, f.order(t, shard.OrderDelete, id, time.Minute, nil)); !errors.Is(err, c.want) {
			t.Errorf("DELETE, host %v ahead: %v, want %v", c.ahead, err, c.want)
		}
		// Offers and receipts compare no clocks within the slack.
		other := newFile(t)
		_, r, err := cl.Offer(t.Context(), id, other.lot(t, 0, 0, body), body, nil)
		if c.ahead.Abs() <= time.Hour && (err != nil || r.LeaseEnd == 0) {
			t.Errorf("OFFER, host %v ahead: %+v, %v", c.ahead, r, err)
		}
	}
}

func TestAskWithoutRoom(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	n.store.Limit(1000, 0)
	a, err := c.Ask(t.Context(), n.host.ID(), 1001, shard.LeaseDefault)
	if err != nil || a.Takes || a.Free != 1000 || !errors.Is(a.Why, wire.ErrFull) {
		t.Errorf("over capacity: %+v, %v", a, err)
	}
	n.store.Limit(1000, 100)
	a, err = c.Ask(t.Context(), n.host.ID(), 101, shard.LeaseDefault)
	if err != nil || a.Takes || a.Free != 100 || !errors.Is(a.Why, wire.ErrQuota) {
		t.Errorf("over quota: %+v, %v", a, err)
	}
	a, err = c.Ask(t.Context(), n.host.ID(), 0, shard.LeaseDefault)
	if err != nil || !a.Takes || a.Free != 100 {
		t.Errorf("only asking: %+v, %v", a, err)
	}
	body := noise(1, 1001)
	n.store.Limit(1000, 0)
	if _, _, err := c.Offer(t.Context(), n.host.ID(), newFile(t).lot(t, 0, 0, body), body, nil); !errors.Is(err, wire.ErrFull) {
		t.Errorf("offer over capacity: %v, want ErrFull", err)
	}
}

func TestAdmitRefuses(t *testing.T) {
	var asked []int64
	n := serve(t, func(cfg *exchange.ServerConfig) {
		cfg.Admit = func(_ peer.ID, from netip.Prefix, bytes int64) error {
			if from.IsValid() {
				t.Errorf("loopback counts for %v", from)
			}
			asked = append(asked, bytes)
			return wire.ErrQuota.With("this network has had enough")
		}
	})
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	a, err := c.Ask(t.Context(), n.host.ID(), 5, shard.LeaseDefault)
	if err != nil || a.Takes || !errors.Is(a.Why, wire.ErrQuota) {
		t.Errorf("Ask = %+v, %v", a, err)
	}
	body := noise(1, 64)
	_, _, err = c.Offer(t.Context(), n.host.ID(), newFile(t).lot(t, 0, 0, body), body, nil)
	if !errors.Is(err, wire.ErrQuota) || !strings.Contains(err.Error(), "this network") {
		t.Errorf("Offer: %v", err)
	}
	if !slices.Equal(asked, []int64{5, 64}) {
		t.Errorf("asked about %v", asked)
	}
}

func TestNoSuchProtocol(t *testing.T) {
	h, _ := newHost(t)
	c, _ := dialler(t, exchange.Timeouts{}, h)
	if _, err := c.Ask(t.Context(), h.ID(), 1, shard.LeaseDefault); !errors.Is(err, wire.ErrUnsupported) {
		t.Errorf("Ask: %v, want ErrUnsupported", err)
	}
}

func TestRunChecksAndEnds(t *testing.T) {
	h, key := newHost(t)
	_, otherKey, _ := ed25519.GenerateKey(nil)
	store := exchangetest.NewStore()
	for name, cfg := range map[string]exchange.ServerConfig{
		"no host":   {Key: key, Mesh: mesh, Store: store},
		"no store":  {Host: h, Key: key, Mesh: mesh},
		"no key":    {Host: h, Mesh: mesh, Store: store},
		"other key": {Host: h, Key: otherKey, Mesh: mesh, Store: store},
		"bad mesh":  {Host: h, Key: key, Mesh: "A", Store: store},
	} {
		if exchange.NewServer(cfg).Run(t.Context()) == nil {
			t.Errorf("%s: Run accepts it", name)
		}
	}
	registry := prometheus.NewRegistry()
	s := exchange.NewServer(exchange.ServerConfig{Host: h, Key: key, Mesh: mesh, Store: store, Registerer: registry})
	c, _ := dialler(t, exchange.Timeouts{}, h)
	for range 2 { // a server may run again
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		until(t, "it serves", func() bool {
			return slices.Contains(h.Mux().Protocols(), exchange.ProtocolID(mesh))
		})
		if s.Run(ctx) == nil {
			t.Error("it runs twice at once")
		}
		// A transfer under way ends with the server.
		body, started := noise(1, 4<<20), make(chan struct{}, 64)
		held := make(chan struct{})
		failed := make(chan error, 1)
		go func() {
			_, _, err := c.Offer(t.Context(), h.ID(), newFile(t).lot(t, 0, 0, body), body, func(int) {
				started <- struct{}{}
				<-held
			})
			failed <- err
		}()
		<-started
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		close(held)
		if err := <-failed; !errors.Is(err, network.ErrReset) {
			t.Errorf("the transfer ended with %v, want a reset", err)
		}
		if left := gather(t, registry); len(left) != 0 {
			t.Errorf("metrics are left: %v", left)
		}
	}
	if _, err := c.Ask(t.Context(), h.ID(), 1, shard.LeaseDefault); err == nil {
		t.Error("it still answers")
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	n := serve(t, func(cfg *exchange.ServerConfig) { cfg.Registerer = registry })
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, body := newFile(t), noise(1, 1000)
	o := f.lot(t, 0, 0, body)
	for range 2 {
		if _, _, err := c.Offer(t.Context(), n.host.ID(), o, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Fetch(t.Context(), n.host.ID(), o.Terms.Shard, 0, make([]byte, 1000), nil); err != nil {
		t.Fatal(err)
	}
	_ = c.Fetch(t.Context(), n.host.ID(), shard.ID{}, 0, make([]byte, 1000), nil)
	want := map[string]float64{
		"batchain_exchange_bytes_total in":                   1000,
		"batchain_exchange_bytes_total out":                  1000,
		"batchain_exchange_operations_total not_found fetch": 1,
		"batchain_exchange_operations_total ok fetch":        1,
		"batchain_exchange_operations_total ok offer":        2,
		"batchain_exchange_transfers in":                     0,
		"batchain_exchange_transfers out":                    0,
	}
	until(t, "the last operation is counted", func() bool {
		return gather(t, registry)["batchain_exchange_operations_total not_found fetch"] == 1
	})
	if got := gather(t, registry); !maps.Equal(got, want) {
		t.Errorf("metrics are %v, want %v", got, want)
	}
}

// gather returns the values of all metrics by name and label values.
func gather(t testing.TB, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}
