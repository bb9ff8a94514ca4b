package transfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// misfortunes are what may befall a host of a file, and what an audit then reports
// of the shards that it should have.
var misfortunes = map[string]struct {
	befalls func(*file, *member)
	want    func(shards int) HostReport
}{
	"nothing": {func(*file, *member) {}, func(n int) HostReport { return HostReport{OK: n} }},
	"kept only hashes": {
		func(_ *file, m *member) {
			m.proves = func(_ shard.Pick, slice []byte) []byte { clear(slice[len(slice)-100:]); return slice }
		}, func(n int) HostReport { return HostReport{Wrong: n} },
	},
	"lost one shard":    {func(_ *file, m *member) { m.loses(m.rows[4]) }, func(n int) HostReport { return HostReport{OK: n - 1, Missing: 1} }},
	"lost all":          {func(_ *file, m *member) { m.loses(m.rows...) }, func(n int) HostReport { return HostReport{Missing: n} }},
	"lists nothing":     {func(_ *file, m *member) { m.rows = nil }, func(n int) HostReport { return HostReport{Missing: n} }},
	"cannot be reached": {func(_ *file, m *member) { m.gone = true }, func(n int) HostReport { return HostReport{Unreachable: n} }},
	"is silent":         {func(_ *file, m *member) { m.says = silent }, func(n int) HostReport { return HostReport{Timeout: n} }},
	"is silent when audited": {
		func(_ *file, m *member) { m.says = only("audit", silent) }, func(n int) HostReport { return HostReport{Timeout: n} },
	},
	"refuses to be audited": {
		func(_ *file, m *member) { m.says = only("audit", saying(wire.ErrUnsupported)) }, func(n int) HostReport { return HostReport{Refused: n} },
	},
	"has another clock": {
		func(_ *file, m *member) { m.says = saying(wire.ErrExpired) }, func(n int) HostReport { return HostReport{Refused: n} },
	},
	"goes away meanwhile": {
		func(_ *file, m *member) { m.says = only("audit", saying(errors.New("connection reset"))) }, func(n int) HostReport { return HostReport{Unreachable: n} },
	},
	"is slow": {
		func(_ *file, m *member) {
			m.says = func(ctx context.Context, what string) error { return lag(ctx, 9*time.Second) }
		}, func(n int) HostReport { return HostReport{OK: n} },
	},
	"is too slow": {
		func(_ *file, m *member) {
			m.says = only("audit", func(ctx context.Context, _ string) error { return lag(ctx, time.Minute) })
		}, func(n int) HostReport { return HostReport{Timeout: n} },
	},
	"is busy at first": {
		func(_ *file, m *member) {
			asked := 0
			m.says = only("audit", func(context.Context, string) error {
				if asked++; asked < 4 {
					return wire.ErrBusy
				}
				return nil
			})
		}, func(n int) HostReport { return HostReport{OK: n} },
	},
	"replays an old proof": {
		func(_ *file, m *member) {
			var old []byte
			m.proves = func(_ shard.Pick, slice []byte) []byte {
				if old == nil {
					old = bytes.Clone(slice)
				}
				return old
			}
		}, func(n int) HostReport { return HostReport{Wrong: n} },
	},
	"says another length": {
		func(_ *file, m *member) {
			m.proves = func(_ shard.Pick, slice []byte) []byte {
				binary.LittleEndian.PutUint64(slice, binary.LittleEndian.Uint64(slice)+1)
				return slice
			}
		}, func(n int) HostReport { return HostReport{Wrong: n} },
	},
	// Whoever fetches what it threw away from another peer in time passes.
	"fetches when it is audited": {
		func(f *file, m *member) {
			far := &member{bodies: m.bodies, trees: m.trees}
			m.bodies, m.trees = nil, nil
			m.proves = func(p shard.Pick, _ []byte) []byte { return far.prove(p) }
			m.says = only("audit", func(ctx context.Context, _ string) error { return lag(ctx, 2*time.Second) })
		}, func(n int) HostReport { return HostReport{OK: n} },
	},
}

func saying(err error) func(context.Context, string) error {
	return func(context.Context, string) error { return err }
}

func only(what string, then func(context.Context, string) error) func(context.Context, string) error {
	return func(ctx context.Context, kind string) error {
		if kind != what {
			return nil
		}
		return then(ctx, kind)
	}
}
