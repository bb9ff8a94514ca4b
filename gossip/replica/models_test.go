package replica_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
	"github.com/batchain/batchain/wire"
)

func newSet(t testing.TB, n byte) (*replica.Set, *replica.Replica) {
	t.Helper()
	s := replica.NewSet()
	return s, newReplica(t, n, s)
}

func wantSet(t testing.TB, who string, s *replica.Set, want ...string) {
	t.Helper()
	if got := slices.Collect(s.All()); !slices.Equal(got, want) || s.Len() != len(want) {
		t.Errorf("%s has %q, want %q", who, got, want)
	}
}

// What one adds while another removes it is in; a removal takes away only what it saw.
func TestAddingWins(t *testing.T) {
	a, ra := newSet(t, 1)
	b, rb := newSet(t, 2)
	must(t, a.Add("x", "y", "z"))
	replicatest.MustSync(t, ra, rb)
	must(t, b.Remove("x", "y", "unknown"))
	must(t, a.Add("x"))
	replicatest.MustSync(t, ra, rb)
	wantSet(t, "a", a, "x", "z")
	wantSet(t, "b", b, "x", "z")
	must(t, a.Remove("x"))
	must(t, a.Add("y"))
	replicatest.MustSync(t, ra, rb)
	wantSet(t, "b", b, "y", "z")
	if b.Has("x") || !b.Has("y") {
		t.Error("Has says something else than All")
	}
}

// Removals and what they removed go, without any age.
func TestSetForgets(t *testing.T) {
	a, ra := newSet(t, 1)
	b, rb := newSet(t, 2)
	for n := range 100 {
		must(t, a.Add(fmt.Sprint("a", n)))
		must(t, b.Add(fmt.Sprint("b", n)))
	}
	replicatest.MustSync(t, ra, rb)
	must(t, a.Remove(slices.Collect(a.All())...))
	for range 3 {
		replicatest.MustSync(t, ra, rb)
		for _, r := range []*replica.Replica{ra, rb} {
			if _, err := r.Collect(); err != nil {
				t.Fatal(err)
			}
		}
	}
	replicatest.MustSync(t, ra, rb)
	wantSet(t, "a", a)
	wantSet(t, "b", b)
	if ca, cb := ra.Counts(), rb.Counts(); ca.Updates > 2 || cb.Updates > 2 {
		t.Errorf("kept: %+v, %+v; want only the newest of each", ca, cb)
	}
}

// An element that very many have added is removed by several updates.
func TestRemovalOfManyAdditions(t *testing.T) {
	all := replica.NewSet()
	r := newReplica(t, 1, all, func(cfg *replica.Config) { cfg.Limits.Epochs = 2000 })
	for range 600 {
		s, rs := newSet(t, 2)
		must(t, s.Add("x"))
		errA, errB := replicatest.Sync(t.Context(), rs, r, replica.StreamOptions{Direction: replica.SendOnly}, replica.StreamOptions{HideClock: true, Direction: replica.RecvOnly})
		must(t, errors.Join(errA, errB))
	}
	must(t, all.Remove("x"))
	wantSet(t, "all", all)
}

func TestSetChangesAreSeen(t *testing.T) {
	s, _ := newSet(t, 1)
	changes := s.Watch(t.Context())
	must(t, s.Add("x", "y"))
	must(t, s.Remove("x"))
	got := map[string]bool{}
	for change := range changes {
		got[change.Element] = change.Has
		if len(got) == 2 {
			break
		}
	}
	if got["x"] || !got["y"] {
		t.Errorf("seen: %v", got)
	}
}

// Who does not look for long is told that it has missed something, and costs no
// memory.
func TestWatcherThatSleepsIsTold(t *testing.T) {
	m, _ := newMap(t, 1)
	changes := m.Watch(t.Context())
	op := func(n int) []byte { return encode(t, map[int]any{1: []byte(fmt.Sprint(n))}) }
	updates := updatesOf(t, 5000, op)
	for _, u := range updates {
		m.Apply(u)
	}
	for change := range changes {
		if !change.Lost || change.Key != "" {
			t.Errorf("the first change is %+v", change)
		}
		break
	}
	if m.Len() != 5000 {
		t.Errorf("%d keys", m.Len())
	}
}

// updatesOf returns updates of one replica.
func updatesOf(t testing.TB, n int, change func(n int) []byte) []replica.Update {
	t.Helper()
	m := replica.NewMap(replica.MapOptions{})
	r := newReplica(t, 77, m)
	var changes [][]byte
	for i := range n {
		changes = append(changes, change(i))
	}
	must(t, r.Local(changes...))
	return r.History(nil)
}

func TestWatchEndsWithItsContext(t *testing.T) {
	m, _ := newMap(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	changes := m.Watch(ctx)
	cancel()
	must(t, m.Set("k", nil))
	for range changes {
		break // one may have come before the end was seen
	}
	for change := range changes {
		t.Errorf("after the end: %+v", change)
	}
}

func TestValuesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := replica.MapOptions{TTL: time.Hour}
		a, b := replica.NewMap(opts), replica.NewMap(opts)
		ra, rb := newReplica(t, 1, a), newReplica(t, 2, b)
		must(t, a.Set("old", []byte("1")))
		time.Sleep(40 * time.Minute)
		must(t, a.Set("new", []byte("2")))
		replicatest.MustSync(t, ra, rb)
		wantMap(t, "b", b, map[string]string{"old": "1", "new": "2"})
		time.Sleep(20 * time.Minute)
		wantMap(t, "b", b, map[string]string{"new": "2"})
		if n, err := ra.Collect(); n != 1 || err != nil {
			t.Errorf("collected %d, %v", n, err)
		}
		replicatest.MustSync(t, ra, rb)
		if c := rb.Counts(); c.Updates != 2 {
			t.Errorf("%d updates are kept, want one and the one that dropped the other", c.Updates)
		}
	})
}

func TestKeysAreCapped(t *testing.T) {
	opts := replica.MapOptions{MaxKeys: 3}
	a, b := replica.NewMap(opts), replica.NewMap(opts)
	ra, rb := newReplica(t, 1, a), newReplica(t, 2, b)
	must(t, b.Set("0", []byte("older")))
	replicatest.MustSync(t, ra, rb)
	for n := range 10 {
		must(t, a.Set(fmt.Sprint(n), []byte("v")))
	}
	replicatest.MustSync(t, ra, rb)
	// What hides a value of another's stays, or that would come back.
	want := map[string]string{"0": "v", "7": "v", "8": "v", "9": "v"}
	wantMap(t, "a", a, want)
	wantMap(t, "b", b, want)
}

func TestBucketHoldsManyKinds(t *testing.T) {
	kind := func(name string) replica.Model {
		switch name {
		case "files":
			return replica.NewSet()
		case "settings":
			return replica.NewMap(replica.MapOptions{})
		case "motto":
			return replica.NewValue(1, replica.CBOR[string]())
		}
		return nil
	}
	a, b := replica.NewBucket(kind), replica.NewBucket(kind)
	ra, rb := newReplica(t, 1, a), newReplica(t, 2, b)
	must(t, a.Doc("files").(*replica.Set).Add("x", "y"))
	must(t, a.Doc("files").(*replica.Set).Remove("x"))
	must(t, b.Doc("settings").(*replica.Map).Set("k", []byte("1")))
	must(t, b.Doc("settings").(*replica.Map).Set("k", []byte("2")))
	must(t, b.Doc("motto").(*replica.Value[string]).Set("bit for bit"))
	replicatest.MustSync(t, ra, rb)
	for who, bucket := range map[string]*replica.Bucket{"a": a, "b": b} {
		wantSet(t, who, bucket.Doc("files").(*replica.Set), "y")
		wantMap(t, who, bucket.Doc("settings").(*replica.Map), map[string]string{"k": "2"})
		if v, _ := bucket.Doc("motto").(*replica.Value[string]).Get(); v != "bit for bit" {
			t.Errorf("%s: the motto is %q", who, v)
		}
		if got := slices.Collect(bucket.Names()); !slices.Equal(got, []string{"files", "motto", "settings"}) {
			t.Errorf("%s: names %q", who, got)
		}
	}
	sameHistory(t, ra, rb)
	if a.Doc("other") != nil {
		t.Error("there is a document that cannot be")
	}
	if err := ra.Local(encode(t, map[int]any{1: []byte("other"), 2: []byte{0xa0}})); !errors.Is(err, replica.ErrRefused) {
		t.Errorf("a change of it: %v", err)
	}
	if err := ra.Local(encode(t, map[int]any{1: []byte("files"), 2: []byte("rubbish")})); !errors.Is(err, replica.ErrRefused) {
		t.Errorf("a change that its kind refuses: %v", err)
	}
}

// What is dropped of one document is dropped by an update of another, too.
func TestBucketTidiesUp(t *testing.T) {
	kind := func(string) replica.Model { return replica.NewEventLog(2) }
	b := replica.NewBucket(kind)
	r := newReplica(t, 1, b)
	for n := range 10 {
		for _, name := range []string{"x", "y"} {
			must(t, b.Doc(name).(*replica.EventLog).Emit("n", []byte{byte(n)}))
		}
	}
	if c := r.Counts(); c.Updates != 4 || b.Doc("x").(*replica.EventLog).Len() != 2 {
		t.Errorf("%+v", c)
	}
	if _, err := r.Collect(); err != nil {
		t.Error(err)
	}
}

// A model that belongs to no replica says so.
func TestUnboundModels(t *testing.T) {
	for name, err := range map[string]error{
		"map":    replica.NewMap(replica.MapOptions{}).Set("k", nil),
		"set":    replica.NewSet().Add("x"),
		"log":    replica.NewEventLog(0).Emit("x", nil),
		"value":  replica.NewValue(1, replica.CBOR[int]()).Set(1),
		"bucket": replica.NewBucket(func(string) replica.Model { return replica.NewSet() }).Doc("x").(*replica.Set).Add("x"),
	} {
		if err == nil {
			t.Errorf("%s: a change without a replica", name)
		}
	}
}

// A codec of one's own decides what a value is.
func TestValueWithItsOwnCodec(t *testing.T) {
	codec := replica.Codec[map[string]int]{
		Encode: func(v map[string]int) ([]byte, error) { return json.Marshal(v) },
		Decode: func(data []byte) (v map[string]int, err error) { return v, json.Unmarshal(data, &v) },
	}
	a, b := replica.NewValue(1, codec), replica.NewValue(1, codec)
	ra, rb := newReplica(t, 1, a), newReplica(t, 2, b)
	must(t, a.Set(map[string]int{"x": 1}))
	replicatest.MustSync(t, ra, rb)
	if v, ok := b.Get(); !ok || v["x"] != 1 {
		t.Errorf("b has %v", v)
	}
	if err := ra.Local([]byte("{")); !errors.Is(err, replica.ErrRefused) {
		t.Errorf("what is no JSON: %v", err)
	}
}

func TestLocalRefusesWhole(t *testing.T) {
	m, r := newMap(t, 1)
	good := encode(t, map[int]any{1: []byte("k"), 2: []byte("v")})
	for name, test := range map[string]struct {
		bad  []byte
		want error
	}{
		"empty":     {nil, replica.ErrRefused},
		"malformed": {[]byte("rubbish"), replica.ErrRefused},
		"too big":   {make([]byte, 1<<20), wire.ErrTooBig},
	} {
		if err := r.Local(good, test.bad); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		wantMap(t, "after "+name, m, map[string]string{})
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*replica.Config){
		"no document":   func(cfg *replica.Config) { cfg.Doc = "" },
		"slash":         func(cfg *replica.Config) { cfg.Doc = "a/b" },
		"long document": func(cfg *replica.Config) { cfg.Doc = fmt.Sprintf("%0129d", 0) },
		"mesh":          func(cfg *replica.Config) { cfg.Mesh = "A mesh" },
		"no signer":     func(cfg *replica.Config) { cfg.Signer = nil },
	} {
		if _, err := replica.New(replica.NewSet(), config(1, change)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m, r := newMap(t, 1, func(cfg *replica.Config) { cfg.Registerer = reg })
	if _, err := replica.New(replica.NewSet(), config(1, func(cfg *replica.Config) { cfg.Registerer = reg })); err == nil {
		t.Error("two replicas of one document count under one name")
	}
	must(t, m.Set("k", []byte("1")))
	must(t, m.Set("k", []byte("2")))
	families, err := reg.Gather()
	must(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.Metric {
			name := family.GetName()
			for _, label := range metric.Label {
				name += " " + label.GetValue()
			}
			got[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"batchain_replica_updates_total doc applied":    2,
		"batchain_replica_updates_total doc superseded": 1,
		"batchain_replica_kept_updates doc":             1,
		"batchain_replica_kept_bytes doc":               float64(r.Counts().Bytes),
		"batchain_replica_sources doc":                  1,
		"batchain_replica_streams doc":                  0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	must(t, r.Close())
	if families, err := reg.Gather(); len(families) != 0 || err != nil {
		t.Errorf("%d metrics are left, %v", len(families), err)
	}
}
