package gossip

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Kind is what an [Event] tells. Append only.
type Kind uint8

// The events. All but KindUpdate, KindUnknownPeer and KindError are of liveness
// and are never dropped. In brackets: gossipmonger's names.
const (
	KindNew         Kind = 1  // a member was heard of [new peer]
	KindLive        Kind = 2  // it lives, or lives again [peer live]
	KindSuspect     Kind = 3  // its heartbeats stay away
	KindDead        Kind = 4  // it is dead [peer dead]
	KindLeft        Kind = 5  // it said that it leaves
	KindRestarted   Kind = 6  // it has a new incarnation
	KindForgotten   Kind = 7  // it is no member any more
	KindUpdate      Kind = 8  // one of its values changed [update]
	KindUnknownPeer Kind = 9  // somebody spoke of a member that is not known here [unknown peer]
	KindError       Kind = 10 // something went wrong; nothing needs to be done [error]
	KindAlone       Kind = 11 // nobody was heard for six intervals: this member may be the one who is cut off
)

// String returns the name in lower case.
func (k Kind) String() string {
	if k < KindNew || k > KindAlone {
		return "none"
	}
	return [...]string{"new", "live", "suspect", "dead", "left", "restarted", "forgotten", "update", "unknown peer", "error", "alone"}[k-1]
}

// Event is one thing that happened.
type Event struct {
	Kind        Kind
	Peer        peer.ID // whom it concerns; of an error, who caused it
	Incarnation uint64  // of the peer, the new one when it restarted

	Key     string // of an update, as are the next three
	Value   []byte // not to be changed; nil when deleted
	Version uint64
	Deleted bool

	Err     error // of an error
	Dropped int   // events that were dropped before this one
}

func (e Event) liveness() bool { return e.Kind <= KindForgotten || e.Kind == KindAlone }

// What a watcher that does not keep up may have waiting.
const (
	maxWaiting         = 1024
	maxLivenessWaiting = 2 * maxMembers
)

// watcher is a queue of events. Events that do not fit push out the oldest
// ones that are not of liveness.
type watcher struct {
	prefixes []string

	mu      sync.Mutex
	waiting []Event
	dropped int
	ready   chan struct{} // holds one token when something waits
	ended   bool
}

// wants reports whether the watcher asked for an event: updates only of keys
// with one of its prefixes, the rest always.
func (w *watcher) wants(e Event) bool {
	if e.Kind != KindUpdate || len(w.prefixes) == 0 {
		return true
	}
	return slices.ContainsFunc(w.prefixes, func(p string) bool { return strings.HasPrefix(e.Key, p) })
}

func (w *watcher) put(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || !w.wants(e) {
		return
	}
	if len(w.waiting) >= maxWaiting {
		w.makeRoom()
	}
	w.waiting = append(w.waiting, e)
	w.wake()
}

func (w *watcher) makeRoom() {
	i := slices.IndexFunc(w.waiting, func(e Event) bool { return !e.liveness() })
	if i < 0 && len(w.waiting) < maxLivenessWaiting {
		return
	}
	w.waiting = slices.Delete(w.waiting, max(i, 0), max(i, 0)+1)
	w.dropped++
}

func (w *watcher) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

func (w *watcher) take() (e Event, some, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return Event{}, false, w.ended
	}
	e = w.waiting[0]
	w.waiting = slices.Delete(w.waiting, 0, 1)
	e.Dropped, w.dropped = w.dropped, 0
	return e, true, false
}

func (w *watcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.wake()
}

// Watch yields what happens from now on, until ctx ends. With prefixes, only
// updates of keys that begin with one of them are told. Who does not keep up
// loses the oldest updates, never liveness: [Event.Dropped] counts them. The
// sequence can be ranged over once.
func (g *Gossiper) Watch(ctx context.Context, prefixes ...string) iter.Seq[Event] {
	w := &watcher{prefixes: slices.Clone(prefixes), ready: make(chan struct{}, 1)}
	g.watchers.add(w)
	stop := context.AfterFunc(ctx, func() {
		g.watchers.remove(w)
		w.end()
	})
	return func(yield func(Event) bool) {
		defer g.watchers.remove(w)
		defer stop()
		for {
			e, some, ended := w.take()
			switch {
			case some:
				if !yield(e) {
					return
				}
			case ended || ctx.Err() != nil:
				return
			default:
				select {
				case <-w.ready:
				case <-ctx.Done():
				}
			}
		}
	}
}

// watchers are all who watch.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]struct{}
}

func (ws *watchers) add(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = map[*watcher]struct{}{}
	}
	ws.all[w] = struct{}{}
}

func (ws *watchers) remove(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.all, w)
}

func (ws *watchers) tell(events []Event) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all {
		for _, e := range events {
			w.put(e)
		}
	}
}
