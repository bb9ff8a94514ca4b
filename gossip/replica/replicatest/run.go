package replicatest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/gossip/replica"
)

// Kit is what has to be known of a model to try it.
type Kit struct {
	// New returns an empty model.
	New func() replica.Model
	// Change draws a change that m takes. Few different ones find most.
	Change func(t *rapid.T, m replica.Model) []byte
	// View returns what users see of a model, for reflect.DeepEqual.
	View func(m replica.Model) any
}

// Run tries a model. Under -short it tries less.
func Run(t *testing.T, k Kit) {
	for name, try := range map[string]func(*rapid.T, Kit){
		"Check":       check,
		"History":     history,
		"AnyOrder":    anyOrder,
		"Forget":      forget,
		"Convergence": convergence,
		"SaveAndLoad": saveAndLoad,
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { try(t, k) })
		})
	}
}

// check holds Check to giving the same answer to the same bytes, and Local to doing
// nothing with what it refuses.
func check(t *rapid.T, k Kit) {
	n := k.start(t, 1)
	defer k.stop(t, n)
	k.write(t, n)
	before := k.View(n.model)
	change := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "rubbish")
	refused := n.model.Check(change) != nil
	if refused != (k.New().Check(change) != nil) {
		t.Fatal("Check depends on more than the bytes")
	}
	if err := n.Local(change); refused != (err != nil) {
		t.Fatalf("Check refuses: %v, Local: %v", refused, err)
	}
	if refused && !reflect.DeepEqual(k.View(n.model), before) {
		t.Fatal("a change that was refused had an effect")
	}
}

// history holds History to the order, to the clock, and to holding what the base
// vouches for.
func history(t *rapid.T, k Kit) {
	a, b := k.start(t, 1), k.start(t, 2)
	defer k.stop(t, a, b)
	for range rapid.IntRange(1, 20).Draw(t, "steps") {
		k.write(t, rapid.SampledFrom([]node{a, b}).Draw(t, "writer"))
		if rapid.Bool().Draw(t, "meet") {
			meet(t, a, b)
		}
	}
	all := slices.Collect(a.model.History(nil))
	if !slices.IsSortedFunc(all, replica.Update.Compare) {
		t.Fatal("History is not in the order of Update.Compare")
	}
	if got, want := len(all), a.Counts().Updates; got != want {
		t.Fatalf("History yields %d updates, the base vouches for %d", got, want)
	}
	since := replica.Clock{}
	for source, seq := range a.Clock() {
		since[source] = rapid.Uint64Range(0, seq).Draw(t, "since")
	}
	want := slices.DeleteFunc(slices.Clone(all), since.Covers)
	if got := slices.Collect(a.model.History(since)); !reflect.DeepEqual(names(got), names(want)) {
		t.Fatalf("History(%v) yields %v, want %v", since, names(got), names(want))
	}
}

// name is what tells an update from others.
type name struct {
	source replica.Source
	seq    uint64
}

func names(updates []replica.Update) []name {
	all := []name{}
	for _, u := range updates {
		all = append(all, name{u.Source, u.Seq})
	}
	return all
}

// anyOrder holds the view to depending on the set of updates only.
func anyOrder(t *rapid.T, k Kit) {
	a, b := k.start(t, 1), k.start(t, 2)
	defer k.stop(t, a, b)
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		k.write(t, rapid.SampledFrom([]node{a, b}).Draw(t, "writer"))
	}
	meet(t, a, b)
	updates := slices.Collect(a.model.History(nil))
	shuffled := k.New()
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	for _, i := range r.Perm(len(updates)) {
		shuffled.Apply(updates[i])
	}
	if got, want := k.View(shuffled), k.View(a.model); !reflect.DeepEqual(got, want) {
		t.Fatalf("in another order the model shows %v, want %v", got, want)
	}
}

// forget holds Forget to undoing Apply, and to bearing what was never there.
func forget(t *rapid.T, k Kit) {
	a, b := k.start(t, 1), k.start(t, 2)
	defer k.stop(t, a, b)
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		k.write(t, rapid.SampledFrom([]node{a, b}).Draw(t, "writer"))
	}
	meet(t, a, b)
	updates := slices.Collect(a.model.History(nil))
	keep := map[int]bool{}
	without, with := k.New(), k.New()
	for i, u := range updates {
		with.Apply(u)
		if keep[i] = rapid.Bool().Draw(t, "keep"); keep[i] {
			without.Apply(u)
		}
	}
	for i, u := range updates {
		if !keep[i] {
			with.Forget(u.Source, u.Seq)
			with.Forget(u.Source, u.Seq)
		}
		with.Forget(u.Source, u.Seq+1<<40)
	}
	if got, want := k.View(with), k.View(without); !reflect.DeepEqual(got, want) {
		t.Fatalf("after Forget the model shows %v, want %v", got, want)
	}
	if got, want := names(slices.Collect(with.History(nil))), names(slices.Collect(without.History(nil))); !reflect.DeepEqual(got, want) {
		t.Fatalf("after Forget History yields %v, want %v", got, want)
	}
}

// convergence lets replicas write, meet and tidy up in any order. Once all have met
// they must show the same.
func convergence(t *rapid.T, k Kit) {
	var nodes []node
	for n := range rapid.IntRange(2, 4).Draw(t, "replicas") {
		nodes = append(nodes, k.start(t, byte(n+1)))
	}
	defer k.stop(t, nodes...)
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		n := rapid.SampledFrom(nodes).Draw(t, "node")
		switch rapid.IntRange(0, 6).Draw(t, "step") {
		case 0, 1:
			other := rapid.SampledFrom(nodes).Draw(t, "other")
			if other.Replica != n.Replica {
				meet(t, n, other)
			}
		case 2:
			if _, err := n.Collect(); err != nil {
				t.Fatal(err)
			}
		default:
			k.write(t, n)
		}
	}
	for range 2 {
		for _, n := range nodes[1:] {
			meet(t, nodes[0], n)
		}
	}
	for _, n := range nodes[1:] {
		equal(t, k, nodes[0], n)
	}
}

func equal(t *rapid.T, k Kit, a, b node) {
	if !maps.Equal(a.Clock(), b.Clock()) {
		t.Fatalf("clocks differ: %v and %v", a.Clock(), b.Clock())
	}
	if got, want := names(b.Replica.History(nil)), names(a.Replica.History(nil)); !reflect.DeepEqual(got, want) {
		t.Fatalf("histories differ: %v and %v", got, want)
	}
	if got, want := k.View(b.model), k.View(a.model); !reflect.DeepEqual(got, want) {
		t.Fatalf("views differ: %v and %v", got, want)
	}
}

// saveAndLoad holds a saved state to being the same again.
func saveAndLoad(t *rapid.T, k Kit) {
	a, b := k.start(t, 1), k.start(t, 2)
	defer k.stop(t, a, b)
	for range rapid.IntRange(0, 12).Draw(t, "steps") {
		k.write(t, a)
	}
	var saved bytes.Buffer
	if err := a.Save(&saved); err != nil {
		t.Fatal(err)
	}
	if err := b.Load(t.Context(), &saved); err != nil {
		t.Fatal(err)
	}
	equal(t, k, a, b)
}
