package transfer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

func TestReasons(t *testing.T) {
	for _, tc := range []struct {
		err              error
		why              string
		refused, missing bool
	}{
		{wire.ErrFull.With("0 of 9 bytes are free"), "full", true, false},
		{wire.ErrQuota.With("your share is used up"), "your share is used up", true, false},
		{exchange.ErrProtocol, "answers nonsense", true, false},
		{fmt.Errorf("%w: %w", exchange.ErrProtocol, wire.ErrBadSignature), "answers nonsense", true, false},
		{errLagging, "too slow", false, false},
		{context.DeadlineExceeded, "stalled", true, false},
		{errors.New("connection refused"), "unreachable", false, false},
		{wire.ErrNotFound, wire.ErrNotFound.Message, true, true},
		{wire.ErrDamaged, wire.ErrDamaged.Message, true, true},
		{wire.ErrTimeout, wire.ErrTimeout.Message, true, false},
	} {
		err := fmt.Errorf("offer to a host: %w", tc.err)
		if reason(err) != tc.why || refused(err) != tc.refused || missing(err) != tc.missing {
			t.Errorf("%v: %q, refused %v, missing %v", err, reason(err), refused(err), missing(err))
		}
	}
}

// A receipt that comes while the put is being stopped is not lost.
func TestLateReceiptIsNoted(t *testing.T) {
	b := newBed(t, 0)
	j := sample(t, filepath.Join(t.TempDir(), "j.journal"))
	defer j.close()
	p := &put{e: b.engine, journal: j, scheme: j.start.scheme(), roster: newRoster(j.start.scheme(), nil, false)}
	d := p.newDelivery(&segment{sealing: sealing{Number: 2}, shards: make([][]byte, 2)})
	d.running[0], d.running[1] = &sending{index: 0}, &sending{index: 1}
	d.results <- outcome{err: context.Canceled}
	d.results <- outcome{receipt: shard.Receipt{Segment: 2, Index: 1, Host: testHost}}
	d.drain()
	if known := j.segment(2).receipts; len(known) != 2 {
		t.Errorf("receipts: %v", known)
	}
}
