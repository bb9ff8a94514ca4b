package node

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The types of events.
const (
	EventPeerUp      = "peer_up"
	EventPeerDown    = "peer_down"
	EventStored      = "stored"       // a shard was stored here
	EventPutStart    = "put_start"    // a put began
	EventPutDone     = "put_done"     // a put ended; Err says how, empty when well
	EventGetStart    = "get_start"    // a get began
	EventGetDone     = "get_done"     // a get ended
	EventRemoveStart = "remove_start" // a removal began
	EventRemoveDone  = "remove_done"  // a removal ended
	EventAuditDone   = "audit_done"   // an audit that was asked for ended
	EventRepairDone  = "repair_done"  // a repair that was asked for ended; Size is the bytes sent
	EventRecoverDone = "recover_done" // a recovery ended
)

// Beside these there are the steps towards a peer and of a put, under the names
// that packages broker and transfer give them: broker_connection,
// establish_connection, dial, find_peer, relay; ready_to_store, store_file,
// next_candidate.

// Event is something that happened in a node. Fields that do not apply are
// left out of its JSON.
type Event struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"`
	Peer    string    `json:"peer,omitempty"`
	Via     string    `json:"via,omitempty"` // the peer that helps, a broker or relay
	Locator string    `json:"locator,omitempty"`
	File    string    `json:"file,omitempty"` // id
	Name    string    `json:"name,omitempty"`
	Size    int64     `json:"size,omitempty"` // bytes
	Err     string    `json:"err,omitempty"`
	Missed  int       `json:"missed,omitempty"` // events dropped before this one, for this reader

	Key     string          `json:"key,omitempty"`     // of a member's value that changed
	Value   json.RawMessage `json:"value,omitempty"`   // … what it is now, where this node can read it
	Deleted bool            `json:"deleted,omitempty"` // … and that it is no more
}

// eventQueue bounds what waits for one slow reader. The oldest go first, and before
// them what members say of themselves: one that talks much hides no death.
const eventQueue = 256

// events passes what happens to whoever listens. Publishing never blocks.
type events struct {
	mu      sync.Mutex
	readers map[*reader]struct{}
}

// reader is one listener's queue.
type reader struct {
	queue  []Event
	missed int
	wake   chan struct{} // one token while the queue is not empty
}

func newEvents() *events { return &events{readers: map[*reader]struct{}{}} }

// publish hands e to every reader.
func (b *events) publish(e Event) {
	e.Time = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for r := range b.readers {
		if len(r.queue) == eventQueue {
			r.drop()
		}
		r.queue = append(r.queue, e)
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// drop makes room for one event.
func (r *reader) drop() {
	saying := slices.IndexFunc(r.queue, func(e Event) bool { return e.Type == eventSaid })
	at := max(saying, 0)
	r.missed += 1 + r.queue[at].Missed
	r.queue = slices.Delete(r.queue, at, at+1)
}

// subscribe begins to queue events. The caller calls done when it has enough.
func (b *events) subscribe() (r *reader, done func()) {
	r = &reader{wake: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers[r] = struct{}{}
	return r, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.readers, r)
	}
}

// take returns what waits. The first event tells how many were dropped.
func (b *events) take(r *reader) []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := r.queue
	if len(got) > 0 {
		got[0].Missed += r.missed
	}
	r.queue, r.missed = nil, 0
	return got
}

// ServeHTTP streams events as NDJSON until the reader goes away.
func (b *events) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r, done := b.subscribe()
	defer done()
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w)
	if flush.Flush() != nil {
		return
	}
	enc := json.NewEncoder(w)
	for {
		select {
		case <-req.Context().Done():
			return
		case <-r.wake:
		}
		for _, e := range b.take(r) {
			if enc.Encode(e) != nil {
				return
			}
		}
		if flush.Flush() != nil {
			return
		}
	}
}
