package replica_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
	"github.com/batchain/batchain/wire"
)

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := wire.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func drawKey(t *rapid.T) []byte {
	return []byte(rapid.SampledFrom([]string{"a", "b", "c", "\xff"}).Draw(t, "key"))
}

// mapChange draws what Set and Delete of a [replica.Map] make.
func mapChange(tb testing.TB) func(*rapid.T, replica.Model) []byte {
	return func(t *rapid.T, _ replica.Model) []byte {
		if rapid.IntRange(0, 2).Draw(t, "op") == 0 {
			return encode(tb, map[int]any{1: drawKey(t), 3: true})
		}
		return encode(tb, map[int]any{1: drawKey(t), 2: []byte{rapid.Byte().Draw(t, "value")}})
	}
}

func mapView(m replica.Model) any { return maps.Collect(m.(*replica.Map).All()) }

func TestMapConforms(t *testing.T) {
	replicatest.Run(t, replicatest.Kit{
		New:    func() replica.Model { return replica.NewMap(replica.MapOptions{}) },
		Change: mapChange(t), View: mapView,
	})
}

func TestMapWithoutTombstonesConforms(t *testing.T) {
	replicatest.Run(t, replicatest.Kit{
		New:    func() replica.Model { return replica.NewMap(replica.MapOptions{TombstoneAge: time.Nanosecond}) },
		Change: mapChange(t), View: mapView,
	})
}

func TestExpiringMapConforms(t *testing.T) {
	replicatest.Run(t, replicatest.Kit{
		New:    func() replica.Model { return replica.NewMap(replica.MapOptions{TTL: time.Hour, MaxKeys: 2}) },
		Change: mapChange(t), View: mapView,
	})
}

func TestSetConforms(t *testing.T) {
	replicatest.Run(t, replicatest.Kit{
		New: func() replica.Model { return replica.NewSet() },
		Change: func(rt *rapid.T, m replica.Model) []byte {
			element := drawKey(rt)
			var tags []map[int]any
			for u := range m.History(nil) {
				if rapid.Bool().Draw(rt, "seen") {
					tags = append(tags, map[int]any{1: u.Source.Peer, 2: u.Source.Epoch, 3: u.Seq})
				}
			}
			if len(tags) > 0 && rapid.Bool().Draw(rt, "remove") {
				return encode(t, map[int]any{1: element, 2: tags, 3: true})
			}
			return encode(t, map[int]any{1: element})
		},
		View: func(m replica.Model) any { return slices.Collect(m.(*replica.Set).All()) },
	})
}

func TestEventLogConforms(t *testing.T) {
	replicatest.Run(t, replicatest.Kit{
		New: func() replica.Model { return replica.NewEventLog(3) },
		Change: func(rt *rapid.T, _ replica.Model) []byte {
			return encode(t, map[int]any{1: drawKey(rt), 2: []byte{rapid.Byte().Draw(rt, "data")}})
		},
		View: func(m replica.Model) any {
			var events []replica.LogEvent
			for e := range m.(*replica.EventLog).Since(nil) {
				e.Local = false
				events = append(events, e)
			}
			return events
		},
	})
}

func TestValueConforms(t *testing.T) {
	replicatest.Run(t, replicatest.Kit{
		New:    func() replica.Model { return replica.NewValue(2, replica.CBOR[int]()) },
		Change: func(rt *rapid.T, _ replica.Model) []byte { return encode(t, rapid.IntRange(0, 99).Draw(rt, "value")) },
		View:   func(m replica.Model) any { return slices.Collect(m.(*replica.Value[int]).Past()) },
	})
}

func TestBucketConforms(t *testing.T) {
	names := []string{"map", "value"}
	kind := func(name string) replica.Model {
		switch name {
		case "map":
			return replica.NewMap(replica.MapOptions{})
		case "value":
			return replica.NewValue(1, replica.CBOR[[]byte]())
		}
		return nil
	}
	replicatest.Run(t, replicatest.Kit{
		New: func() replica.Model { return replica.NewBucket(kind) },
		Change: func(rt *rapid.T, m replica.Model) []byte {
			name := rapid.SampledFrom(names).Draw(rt, "name")
			change := encode(t, drawKey(rt))
			if name == "map" {
				change = mapChange(t)(rt, nil)
			}
			return encode(t, map[int]any{1: []byte(name), 2: change})
		},
		View: func(m replica.Model) any {
			b := m.(*replica.Bucket)
			value, _ := b.Doc("value").(*replica.Value[[]byte]).Get()
			return []any{mapView(b.Doc("map")), value, slices.Collect(b.Names())}
		},
	})
}

// The example of the package is a model like any other.
func TestExampleConforms(t *testing.T) {
	replicatest.Run(t, replicatest.Kit{
		New:    func() replica.Model { return &Highest{} },
		Change: func(rt *rapid.T, _ replica.Model) []byte { return encode(t, rapid.Int64Range(0, 9).Draw(rt, "number")) },
		View:   func(m replica.Model) any { return m.(*Highest).Get() },
	})
}
