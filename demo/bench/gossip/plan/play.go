package plan

import (
	"cmp"
	"fmt"
	"slices"
)

// Status is the key whose spread is timed. Memberlist has room for one value
// a node, so it is the one key that every participant carries.
const Status = "status"

// spread: state, rest, single updates, and one update beside a hot writer.
func (b *builder) spread(size Size) {
	b.join()
	for n := range b.Nodes {
		for k := range 10 {
			b.add(Step{Do: Set, Node: n, Key: fmt.Sprintf("key%d", k), Value: b.value()})
		}
	}
	b.add(
		Step{After: warmUp, Do: Mark, Name: "idle"},
		Step{After: size.Idle, Do: Mark, Name: "updates"})
	for range size.Updates {
		b.add(Step{After: second / 2, Do: Set, Node: b.rand.IntN(b.Nodes), Key: Status, Value: b.value()})
	}
	b.add(Step{After: 30 * second, Do: Mark, Name: "hot"})
	writer, cold := 0, b.victim()
	every := int64(second / hotRate)
	for at := int64(0); at < size.Hot; at += every {
		b.add(Step{After: every, Do: Set, Node: writer, Key: fmt.Sprintf("hot%d", at/every%10), Value: b.value()})
		if at%(5*second) < every {
			b.add(Step{Do: Set, Node: cold, Key: Status, Value: b.value()})
		}
	}
	b.add(Step{Do: Mark, Name: "drain"}, Step{After: minute, Do: Mark, Name: "end"})
}

// crash: a node dies, comes back after ten minutes, and dies again.
func (b *builder) crash() {
	b.join()
	v := b.victim()
	b.add(
		Step{After: b.moment(), Do: Mark, Name: "crash"},
		Step{Do: Crash, Node: v},
		Step{Do: AwaitDead, Node: v, For: patience},
		Step{After: outage, Do: Mark, Name: "return"},
		Step{Do: Start, Node: v},
		Step{Do: AwaitLive, Node: v, For: 5 * minute},
		Step{After: 2*minute + b.moment(), Do: Mark, Name: "again"},
		Step{Do: Crash, Node: v},
		Step{Do: AwaitDead, Node: v, For: patience},
		Step{Do: Mark, Name: "end"})
}

// leave: a node goes, and says so.
func (b *builder) leave() {
	b.join()
	v := b.victim()
	b.add(
		Step{After: b.moment(), Do: Mark, Name: "leave"},
		Step{Do: Leave, Node: v},
		Step{Do: AwaitDead, Node: v, For: minute},
		Step{Do: Mark, Name: "end"})
}

// restart: a node that had set values comes back with an empty disk and sets
// one.
func (b *builder) restart() {
	b.join()
	v := b.victim()
	for range 20 {
		b.add(Step{After: second, Do: Set, Node: v, Key: Status, Value: b.value()})
	}
	first := b.value()
	b.add(
		Step{After: 10 * second, Do: Crash, Node: v},
		Step{After: 10*second + b.moment(), Do: Mark, Name: "restart"},
		Step{Do: Start, Node: v, Fresh: true},
		Step{After: second, Do: Set, Node: v, Key: Status, Value: first},
		Step{Do: AwaitSet, Node: v, Key: Status, Value: first, For: 2 * minute},
		Step{Do: Mark, Name: "end"})
}

// partition: half and half for a minute, a change on either side, then whole.
func (b *builder) partition() {
	b.join()
	var side []int
	for n := range b.Nodes / 2 {
		side = append(side, n)
	}
	left, right := b.value(), b.value()
	b.add(
		Step{After: b.moment(), Do: Cut, Side: side},
		Step{After: 30 * second, Do: Set, Node: 0, Key: Status, Value: left},
		Step{Do: Set, Node: b.Nodes - 1, Key: Status, Value: right},
		Step{After: 30 * second, Do: Mark, Name: "heal"},
		Step{Do: Heal},
		Step{Do: AwaitSet, Node: 0, Key: Status, Value: left, For: 5 * minute},
		Step{Do: AwaitSet, Node: b.Nodes - 1, Key: Status, Value: right, For: 5 * minute},
		Step{Do: AwaitAll, For: 5 * minute},
		Step{Do: Mark, Name: "end"})
}

// watch: nothing happens, and every death is a false one.
func (b *builder) watch(length int64) {
	b.join()
	b.add(Step{Do: Mark, Name: "watch"}, Step{After: length, Do: Mark, Name: "end"})
}

// pauses: every node pauses for four seconds once a minute, give or take ten
// seconds, each at a time of its own.
func (b *builder) pauses(length int64) {
	b.join()
	b.add(Step{Do: Mark, Name: "watch"})
	type pause struct {
		at   int64
		node int
	}
	var all []pause
	for node := range b.Nodes {
		own := b.rand.Int64N(minute)
		for from := int64(0); from < length; from += minute {
			all = append(all, pause{from + own + b.rand.Int64N(20*second), node})
		}
	}
	slices.SortFunc(all, func(a, b pause) int { return cmp.Compare(a.at, b.at) })
	spent := int64(0)
	for _, p := range all {
		b.add(Step{After: p.at - spent, Do: Pause, Node: p.node, For: pauseOf})
		spent = p.at
	}
	b.add(Step{After: minute, Do: Mark, Name: "end"})
}

// hostile: an attacker plays one probe, and then an honest change has to
// reach everybody.
func (b *builder) hostile(probe string, flood int) {
	b.join()
	v := b.victim()
	held, after := b.value(), fmt.Sprintf("%d.after", 1_000_000)
	b.add(
		Step{Do: Set, Node: v, Key: Status, Value: held},
		Step{Do: AwaitSet, Node: v, Key: Status, Value: held, For: minute},
		Step{After: second, Do: Mark, Name: "attack"},
		Step{Do: Attack, Node: v, Name: probe, Count: flood, Key: Status, Value: "999999.forged"},
		Step{After: 5 * second, Do: Mark, Name: "struck"},
		Step{After: 5 * minute, Do: Mark, Name: "aftermath"},
		Step{Do: Set, Node: v, Key: Status, Value: after},
		Step{Do: AwaitSet, Node: v, Key: Status, Value: after, For: 2 * minute},
		Step{Do: Mark, Name: "end"})
}

// live: rest, updates, a crash and a return, short enough to wait for.
func (b *builder) live() {
	b.join()
	v := b.victim()
	b.add(Step{Do: Mark, Name: "idle"}, Step{After: 20 * second, Do: Mark, Name: "updates"})
	for range 20 {
		b.add(Step{After: second, Do: Set, Node: b.rand.IntN(b.Nodes), Key: Status, Value: b.value()})
	}
	b.add(
		Step{After: 10*second + b.moment(), Do: Mark, Name: "hot"},
		Step{Do: Crash, Node: v},
		Step{Do: AwaitDead, Node: v, For: 5 * minute},
		Step{Do: Mark, Name: "return"},
		Step{Do: Start, Node: v, Fresh: true},
		Step{Do: AwaitLive, Node: v, For: minute},
		Step{Do: Mark, Name: "end"})
}
