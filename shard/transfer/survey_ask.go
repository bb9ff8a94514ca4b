package transfer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// How long a host may take to answer LIST or RENEW, how often the same is asked again
// when there was no answer in time, and how long a host may say that it is busy.
const (
	askLimit    = 10 * time.Second
	askAgain    = 3
	askBusyTime = 90 * time.Second // hosts count by the minute
)

// asker asks hosts about one file. The network is behind it.
type asker interface {
	connect(ctx context.Context, p peer.ID) error
	list(ctx context.Context, p peer.ID, cursor []byte) (rows []shard.Held, next []byte, err error)
	audit(ctx context.Context, p peer.ID, picks []shard.Pick) (slices [][]byte, err error)
	fetch(ctx context.Context, p peer.ID, id shard.ID, into []byte, got func(n int)) error
}

// warrant is the right to ask hosts about one file: it signs the orders.
type warrant struct {
	e      *Engine
	grant  wire.Signed
	digest shard.Digest
	repair ed25519.PrivateKey
}

func (e *Engine) warrant(m *shard.Manifest) *warrant {
	return &warrant{e: e, grant: m.SignedGrant, digest: shard.GrantDigest(m.SignedGrant), repair: m.Repair}
}

func (w *warrant) connect(ctx context.Context, p peer.ID) error { return w.e.connect(ctx, p) }

// sign makes an order for p, good for a short time.
func (w *warrant) sign(p peer.ID, kind string, o shard.Order) (wire.Signed, error) {
	o.Grant, o.Host, o.NotAfter = w.digest, p, time.Now().Add(orderTime).Unix()
	return o.Sign(w.repair, kind, w.e.cfg.Mesh)
}

func (w *warrant) list(ctx context.Context, p peer.ID, cursor []byte) ([]shard.Held, []byte, error) {
	order, err := w.sign(p, shard.OrderList, shard.Order{Cursor: cursor})
	if err != nil {
		return nil, nil, err
	}
	return w.e.cfg.Client.List(ctx, p, w.grant, order)
}

func (w *warrant) audit(ctx context.Context, p peer.ID, picks []shard.Pick) ([][]byte, error) {
	order, err := w.sign(p, shard.OrderAudit, shard.Order{Picks: picks})
	if err != nil {
		return nil, err
	}
	return w.e.cfg.Client.Audit(ctx, p, w.grant, order, len(picks))
}

func (w *warrant) fetch(ctx context.Context, p peer.ID, id shard.ID, into []byte, got func(int)) error {
	return w.e.cfg.Client.Fetch(ctx, p, id, 0, into, got)
}

// listAll gives take every page of what p says it holds, most rows in all.
func listAll(ctx context.Context, a asker, p peer.ID, most int, take func([]shard.Held)) error {
	var cursor []byte
	for left := most; left > 0; {
		var rows []shard.Held
		var next []byte
		err := insist(ctx, askLimit, func(ctx context.Context) (err error) {
			rows, next, err = a.list(ctx, p, cursor)
			return err
		})
		if err != nil {
			return err
		}
		take(rows)
		if cursor = next; cursor == nil || len(rows) == 0 {
			return nil
		}
		left -= len(rows)
	}
	return nil
}

// insist asks until there is an answer within limit: the same again after a timeout,
// [askAgain] times, and shortly again while the host is busy.
func insist(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	wait, busy, late := 50*time.Millisecond, time.Now().Add(askBusyTime), 0
	for {
		once, cancel := context.WithTimeout(ctx, limit)
		err := ask(once)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case tookTooLong(err):
			if late++; late > askAgain {
				return err
			}
			continue
		case !exchange.Retryable(err) || time.Now().After(busy):
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, 2*time.Second)
	}
}

func tookTooLong(err error) bool {
	return errors.Is(err, wire.ErrTimeout) || errors.Is(err, context.DeadlineExceeded)
}

// stateOf says what an error makes of the host.
func stateOf(err error) verdict {
	var e *wire.Error
	switch {
	case err == nil:
		return verdictOK
	case tookTooLong(err), exchange.Retryable(err):
		return verdictTimeout
	case errors.As(err, &e), errors.Is(err, exchange.ErrProtocol):
		return verdictRefused
	}
	return verdictUnreachable
}
