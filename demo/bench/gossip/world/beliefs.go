package world

import "time"

// belief is what one node holds for true.
type belief struct {
	live   map[int]bool
	values map[fact]string
}

// fact names a value: whose, and under what key.
type fact struct {
	peer int
	key  string
}

func newBelief() *belief {
	return &belief{live: map[int]bool{}, values: map[fact]string{}}
}

func (w *world) believe(node, peer int, live bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.beliefs[node]
	if was, told := b.live[peer]; told && was == live {
		return
	}
	b.live[peer] = live
	journalTeller{w.journal}.believe(node, peer, live)
	w.change()
}

func (w *world) see(node, peer int, key, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beliefs[node].values[fact{peer, key}] = value
	journalTeller{w.journal}.see(node, peer, key, value)
	w.change()
}

// change makes a waiting step look again. The caller holds w.mu.
func (w *world) change() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// await waits until holds is true of every running node but except, for at most
// d.
func (w *world) await(d time.Duration, except int, holds func(node int, b *belief) bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !w.all(except, holds) {
		select {
		case <-w.changed:
		case <-timer.C:
			return
		}
	}
}

func (w *world) all(except int, holds func(node int, b *belief) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for node := range w.lives {
		if node != except && !holds(node, w.beliefs[node]) {
			return false
		}
	}
	return true
}

// knowsAll reports whether a node takes every other running one for live. The
// caller holds w.mu.
func (w *world) knowsAll(node int, b *belief) bool {
	for peer := range w.lives {
		if peer != node && !b.live[peer] {
			return false
		}
	}
	return true
}
