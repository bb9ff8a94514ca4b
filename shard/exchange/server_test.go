package exchange_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
)

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

// slowStore is in the middle of something when its server ends.
type slowStore struct {
	*exchangetest.Store
	entered, leave chan struct{}
}

func (s slowStore) Hold(peer.ID, netip.Prefix, int64) (int64, error) {
	close(s.entered)
	<-s.leave
	return 0, nil
}

func TestRunWaitsForTheStore(t *testing.T) {
	h, key := newHost(t)
	store := slowStore{exchangetest.NewStore(), make(chan struct{}), make(chan struct{})}
	s := exchange.NewServer(exchange.ServerConfig{Host: h, Key: key, Mesh: mesh, Store: store})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	until(t, "it serves", func() bool { return slices.Contains(h.Mux().Protocols(), exchange.ProtocolID(mesh)) })
	c, _ := dialler(t, exchange.Timeouts{}, h)
	asked := make(chan error, 1)
	go func() {
		_, err := c.Ask(t.Context(), h.ID(), 1, shard.LeaseDefault)
		asked <- err
	}()
	<-store.entered
	cancel()
	if err := <-asked; err == nil {
		t.Error("the asker was not told")
	}
	select {
	case <-ended:
		close(store.leave)
		t.Fatal("Run returned while the store was at work")
	case <-time.After(50 * time.Millisecond):
	}
	close(store.leave)
	if err := <-ended; err != nil {
		t.Error(err)
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
	defer func() {
		if t.Failed() {
			t.Logf("metrics are %v, want %v", gather(t, registry), want)
		}
	}()
	until(t, "every operation is counted", func() bool { return maps.Equal(gather(t, registry), want) })
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
