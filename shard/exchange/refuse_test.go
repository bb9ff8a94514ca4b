package exchange_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// raw sends bytes on a stream of its own and returns the host's REJECT.
func raw(t testing.TB, from host.Host, to peer.ID, bytes []byte) error {
	t.Helper()
	kind, payload := answered(t, from, to, bytes)
	if kind != wire.KindError {
		t.Fatalf("answer of kind %d, want a REJECT", kind)
	}
	return wire.ReadError(payload)
}

// answered sends bytes on a stream of its own and returns the host's answer,
// which nothing follows if it is a REJECT.
func answered(t testing.TB, from host.Host, to peer.ID, bytes []byte) (kind byte, payload []byte) {
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
	kind, payload, err = wire.ReadFrame(s, 128<<10)
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	if kind == wire.KindError {
		if rest, err := io.ReadAll(s); err != nil || len(rest) > 0 {
			t.Errorf("after the REJECT: %d bytes, %v", len(rest), err)
		}
	}
	return kind, payload
}

func TestRequestsRefused(t *testing.T) {
	n := serve(t, nil)
	_, h := dialler(t, exchange.Timeouts{}, n.host)
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"AUDIT, nothing":      {wire.AppendFrame(nil, 5, []byte{0xa0}), wire.ErrBadRequest},
		"RENEW, nothing":      {wire.AppendFrame(nil, 6, []byte{0xa0}), wire.ErrBadRequest},
		"NOTE_PUT, nothing":   {wire.AppendFrame(nil, 8, []byte{0xa0}), wire.ErrBadRequest},
		"NOTE_GET, short":     {wire.AppendFrame(nil, 9, []byte{0xa1, 1, 0x41, 1}), wire.ErrBadRequest},
		"KEEP, no keeper":     {wire.AppendFrame(nil, 10, []byte{0xa0}), wire.ErrUnsupported},
		"TURN, no keeper":     {wire.AppendFrame(nil, 11, []byte{0xa0}), wire.ErrUnsupported},
		"KEEP, over 4 KiB":    {[]byte{0x00, 0x00, 0x10, 0x02, 10}, wire.ErrTooBig},
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
