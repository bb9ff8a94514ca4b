package hive

import (
	"container/heap"
	"time"
)

// dueHeap has the group first in which a lease or deadline ends next. It is
// made of the rows of open groups, so no crash makes it disagree with them.
type dueHeap []*group

// Len, Less, Swap, Push and Pop are for package heap.
func (d dueHeap) Len() int           { return len(d) }
func (d dueHeap) Less(i, j int) bool { return d[i].next < d[j].next }
func (d dueHeap) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

func (d *dueHeap) Push(x any) {
	g := x.(*group)
	g.place = len(*d)
	*d = append(*d, g)
}

func (d *dueHeap) Pop() any {
	old := *d
	last := old[len(old)-1]
	last.place = -1
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return last
}

// sweep is how often time is looked at when nothing is due: the clock may be
// set.
const sweep = 10 * time.Second

// untilDue is how long until something is due.
func (h *Hive) untilDue() time.Duration {
	if len(h.uneasy) > 0 {
		return 0
	}
	if len(h.due) == 0 {
		return sweep
	}
	return min(sweep, max(0, time.Duration(h.due[0].next-h.now())*time.Millisecond))
}

// schedule sees to it that the group is looked at when next has come; 0 is
// never.
func (h *Hive) schedule(g *group, next int64) {
	switch {
	case next == g.next:
	case next == 0:
		g.next = 0
		heap.Remove(&h.due, g.place)
	case g.place < 0:
		g.next = next
		heap.Push(&h.due, g)
	default:
		g.next = next
		heap.Fix(&h.due, g.place)
	}
}

// clockSlack is how far the clock may go back, as it is kept right, before it was set
// back.
const clockSlack = int64(time.Second / time.Millisecond)

// rewind sees to it that leases end in time although the clock was set back.
func (t *turn) rewind() {
	back := t.now < t.seen-clockSlack
	t.seen = t.now
	if !back {
		return
	}
	for _, p := range t.Hive.projects {
		for _, g := range p.open {
			if g.Rewind(&p.row.Project, t.now) {
				t.groups[g] = true
				t.settle(g)
			}
		}
	}
}

// expire looks at the groups whose time has come.
func (t *turn) expire() error {
	t.rewind()
	for n := 0; n < maxBatch && t.size < maxBatchBytes && len(t.due) > 0 && t.due[0].next <= t.now; n++ {
		t.settle(t.due[0])
	}
	return nil
}
