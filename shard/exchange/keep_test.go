package exchange_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// memoryKeeper keeps charges in memory.
type memoryKeeper struct {
	refuse error // what Keep answers before it reads
	lazy   bool  // Keep reads a byte too few

	mu      sync.Mutex
	charges map[shard.Locator][]byte // the manifests
	deleted map[string]bool
	keeps   []peer.ID // who said that they are keepers
}

func (k *memoryKeeper) Keep(_ context.Context, _ peer.ID, _ netip.Prefix, c shard.Charge, manifest io.Reader) error {
	g, _, err := c.Open(mesh)
	if err != nil || k.refuse != nil {
		return errors.Join(err, k.refuse)
	}
	data := make([]byte, c.Manifest)
	if k.lazy {
		data = data[1:]
	}
	if _, err := io.ReadFull(manifest, data); err != nil || k.lazy {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.deleted[string(g.Admin)] {
		return wire.ErrDeleted
	}
	k.charges[g.Locator] = data
	return nil
}

func (k *memoryKeeper) Turn(_ context.Context, from peer.ID, g shard.Grant, keeps bool) (shard.Turn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if keeps {
		k.keeps = append(k.keeps, from)
	}
	data, have := k.charges[g.Locator]
	if !have {
		return shard.Turn{}, wire.ErrNotFound
	}
	return shard.Turn{Working: true, Checked: 1_700_000_000, Margin: len(data), Keepers: []peer.ID{from}}, nil
}

func (k *memoryKeeper) Forget(g shard.Grant) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.charges, g.Locator)
	k.deleted[string(g.Admin)] = true
	return nil
}

// serveKeeper starts a host that keeps for others.
func serveKeeper(t testing.TB, change func(*exchange.ServerConfig)) (node, *memoryKeeper) {
	t.Helper()
	k := &memoryKeeper{charges: map[shard.Locator][]byte{}, deleted: map[string]bool{}}
	return serve(t, func(cfg *exchange.ServerConfig) {
		cfg.Keeper = k
		if change != nil {
			change(cfg)
		}
	}), k
}

func TestKeepTurnForget(t *testing.T) {
	n, k := serveKeeper(t, nil)
	c, h := dialler(t, exchange.Timeouts{}, n.host)
	id := n.host.ID()
	for _, size := range []int{0, 1, 3<<20 + 1} {
		f, manifest := newFile(t), noise(uint64(size), size)
		turn := func() (shard.Turn, error) {
			return c.Turn(t.Context(), id, f.signed, f.order(t, shard.OrderTurn, id, time.Hour, nil))
		}
		if _, err := turn(); !errors.Is(err, wire.ErrNotFound) {
			t.Errorf("before KEEP: %v, want ErrNotFound", err)
		}
		if err := c.Keep(t.Context(), id, f.charge(size, id), bytes.NewReader(manifest)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(k.charges[f.grant.Locator], manifest) {
			t.Errorf("%d bytes: another manifest arrived", size)
		}
		got, err := turn()
		if err != nil || !got.Working || got.Margin != size || got.Checked != 1_700_000_000 || len(got.Keepers) != 1 || got.Keepers[0] != h.ID() {
			t.Errorf("Turn = %+v, %v", got, err)
		}
		if _, err := c.Delete(t.Context(), id, f.signed, f.order(t, shard.OrderDelete, id, time.Hour, nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := turn(); !errors.Is(err, wire.ErrNotFound) {
			t.Errorf("after DELETE: %v, want ErrNotFound", err)
		}
		if err := c.Keep(t.Context(), id, f.charge(size, id), bytes.NewReader(manifest)); !errors.Is(err, wire.ErrDeleted) {
			t.Errorf("after DELETE: %v, want ErrDeleted", err)
		}
	}
}

// A keeper says in its order that it is one, and that arrives signed.
func TestTurnOfAKeeper(t *testing.T) {
	n, k := serveKeeper(t, nil)
	c, h := dialler(t, exchange.Timeouts{}, n.host)
	id, f := n.host.ID(), newFile(t)
	if err := c.Keep(t.Context(), id, f.charge(0), nil); err != nil {
		t.Fatal(err)
	}
	for _, keeps := range []bool{false, true} {
		order, err := shard.Order{
			Grant: shard.GrantDigest(f.signed), Host: id, NotAfter: time.Now().Add(time.Hour).Unix(), Keeps: keeps,
		}.Sign(f.seed.FileKey(f.id).RepairKey(), shard.OrderTurn, mesh)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Turn(t.Context(), id, f.signed, order); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(k.keeps, []peer.ID{h.ID()}) {
		t.Errorf("keepers that said so: %v", k.keeps)
	}
}

func TestKeepWithoutKeeper(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f := newFile(t)
	if err := c.Keep(t.Context(), n.host.ID(), f.charge(0), nil); !errors.Is(err, wire.ErrUnsupported) {
		t.Errorf("Keep: %v, want ErrUnsupported", err)
	}
	if _, err := c.Turn(t.Context(), n.host.ID(), f.signed, f.order(t, shard.OrderTurn, n.host.ID(), time.Hour, nil)); !errors.Is(err, wire.ErrUnsupported) {
		t.Errorf("Turn: %v, want ErrUnsupported", err)
	}
}

func TestKeepRefused(t *testing.T) {
	n, k := serveKeeper(t, nil)
	c, h := dialler(t, exchange.Timeouts{}, n.host)
	f, other := newFile(t), newFile(t)
	// A charge that does not hold together is refused here and there.
	forged := f.charge(0)
	forged.Repair = other.charge(0).Repair
	short := f.charge(0)
	short.Repair = short.Repair[:31]
	crowd := f.charge(0)
	for range shard.MaxKeepers + 1 {
		crowd.Keepers = append(crowd.Keepers, h.ID())
	}
	for name, row := range map[string]struct {
		charge shard.Charge
		want   error
	}{
		"another file's key": {forged, wire.ErrBadSignature},
		"half a key":         {short, wire.ErrBadRequest},
		"too many keepers":   {crowd, wire.ErrBadRequest},
		"too long":           {f.charge(shard.MaxRepairManifest + 1), wire.ErrBadRequest},
		"negative":           {f.charge(-1), wire.ErrBadRequest},
	} {
		if err := c.Keep(t.Context(), n.host.ID(), row.charge, nil); !errors.Is(err, row.want) {
			t.Errorf("%s, sent: %v, want %v", name, err, row.want)
		}
		payload, err := wire.Marshal(map[int]any{1: row.charge})
		if err != nil {
			t.Fatal(err)
		}
		if err := raw(t, h, n.host.ID(), wire.AppendFrame(nil, 10, payload)); !errors.Is(err, row.want) {
			t.Errorf("%s, arrived: %v, want %v", name, err, row.want)
		}
	}
	k.refuse = wire.ErrQuota
	if err := c.Keep(t.Context(), n.host.ID(), f.charge(8<<20), bytes.NewReader(make([]byte, 8<<20))); !errors.Is(err, wire.ErrQuota) {
		t.Errorf("refused by the keeper: %v, want ErrQuota", err)
	}
	k.refuse, k.lazy = nil, true
	if err := c.Keep(t.Context(), n.host.ID(), f.charge(100), bytes.NewReader(make([]byte, 100))); !errors.Is(err, wire.ErrInternal) {
		t.Errorf("a keeper that leaves a byte: %v, want ErrInternal", err)
	}
	k.lazy = false
	if err := c.Keep(t.Context(), n.host.ID(), f.charge(100), bytes.NewReader(make([]byte, 99))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a manifest that ends early: %v, want ErrUnexpectedEOF", err)
	}
	if len(k.charges) != 0 {
		t.Errorf("%d charges were kept", len(k.charges))
	}
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Whatever goes wrong, the repair key of a charge is in no log and no error.
func TestKeepIsNotLogged(t *testing.T) {
	var log lockedBuffer // written to before the answer is
	n, k := serveKeeper(t, func(cfg *exchange.ServerConfig) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c, h := dialler(t, exchange.Timeouts{}, n.host)
	f := newFile(t)
	charge := f.charge(10)
	charge.Repair = []byte("SECRETSECRETSECRETSECRETSECRETSE")
	payload, err := wire.Marshal(map[int]any{1: charge})
	if err != nil {
		t.Fatal(err)
	}
	said := raw(t, h, n.host.ID(), wire.AppendFrame(nil, 10, payload)).Error()
	said += raw(t, h, n.host.ID(), wire.AppendFrame(nil, 10, bytes.Replace(payload, []byte{0x58, 0x20, 'S'}, []byte{0x78, 0x20, 'S'}, 1))).Error() // text for bytes
	k.refuse = errors.New("disk")
	said += c.Keep(t.Context(), n.host.ID(), f.charge(10), bytes.NewReader(make([]byte, 10))).Error()
	if text := log.String() + said; strings.Contains(text, "SECRET") || !strings.Contains(text, "disk") {
		t.Errorf("it was said: %s", text)
	}
}

func TestKeepAtLiar(t *testing.T) {
	for trick, want := range map[exchangetest.Trick]struct{ keep, turn error }{
		honest:                        {nil, nil},
		exchangetest.AlwaysAtWork:     {nil, nil}, // keepers ask each other, too
		exchangetest.ForgetsCharge:    {nil, wire.ErrNotFound},
		exchangetest.NamesManyKeepers: {nil, exchange.ErrProtocol},
		exchangetest.OtherAnswer:      {exchange.ErrProtocol, exchange.ErrProtocol},
		exchangetest.HugeFrame:        {exchange.ErrProtocol, exchange.ErrProtocol},
		exchangetest.NeverAnswers:     {wire.ErrTimeout, wire.ErrTimeout},
	} {
		t.Run(string(trick), func(t *testing.T) {
			c, _, net, f := liar(t, trick)
			host := net.LocalPeer()
			if err := c.Keep(t.Context(), host, f.charge(1000), bytes.NewReader(make([]byte, 1000))); !errors.Is(err, want.keep) {
				t.Errorf("Keep: %v, want %v", err, want.keep)
			}
			if _, err := c.Turn(t.Context(), host, f.signed, f.order(t, shard.OrderTurn, host, time.Hour, nil)); !errors.Is(err, want.turn) {
				t.Errorf("Turn: %v, want %v", err, want.turn)
			}
		})
	}
}
