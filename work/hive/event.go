package hive

import (
	"context"
	"errors"
	"iter"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/peer"
)

// EventKind says what an [Event] is about. It is stored: append only.
type EventKind uint8

// The kinds of events.
const (
	UnitValid        EventKind = 1 // a datachunk is there
	UnitFailed       EventKind = 2
	UnitCancelled    EventKind = 3
	BeeRegistered    EventKind = 4
	BeeCaught        EventKind = 5 // its result was wrong
	ProjectPaused    EventKind = 6
	ProjectResumed   EventKind = 7
	ProjectCancelled EventKind = 8
	ProjectFinished  EventKind = 9
)

// String returns the name of the kind.
func (k EventKind) String() string {
	if k < UnitValid || k > ProjectFinished {
		return "unknown"
	}
	return [...]string{
		"unit_valid", "unit_failed", "unit_cancelled", "bee_registered", "bee_caught",
		"project_paused", "project_resumed", "project_cancelled", "project_finished",
	}[k-1]
}

// Event is something that happened. It was written in the transaction that made
// it happen.
type Event struct {
	Number  uint64    `cbor:"-"` // grows by one
	Kind    EventKind `cbor:"1,keyasint"`
	Time    int64     `cbor:"2,keyasint"` // Unix milliseconds
	Project string    `cbor:"3,keyasint,omitempty"`
	Seq     uint64    `cbor:"4,keyasint,omitempty"` // of the unit
	Bee     peer.ID   `cbor:"5,keyasint,omitempty"`
}

// note writes an event, and drops the oldest of too many.
func (t *turn) note(e Event) {
	e.Time = t.now
	t.put(eventKey(t.nextEvent), e)
	t.nextEvent++
	if t.nextEvent-t.firstEvent > maxEvents {
		t.del(eventKey(t.firstEvent))
		t.firstEvent++
	}
	t.after = append(t.after, t.events.raise)
}

// Events returns what happened from number from on, and then what happens,
// until ctx ends. The hive keeps the last 65,536 events: who comes for an older
// one begins with the oldest kept, and sees so by its number.
func (h *Hive) Events(ctx context.Context, from uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			changed := h.events.wait()
			page, err := h.eventPage(from)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				from = e.Number + 1
			}
			if len(page) > 0 {
				continue
			}
			if err := h.pause(ctx, changed); err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// eventsAtOnce is how many events are read at one time.
const eventsAtOnce = 256

func (h *Hive) eventPage(from uint64) (page []Event, err error) {
	err = h.view(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte{rowEvent}, PrefetchValues: true, PrefetchSize: eventsAtOnce})
		defer it.Close()
		for it.Seek(eventKey(from)); it.Valid() && len(page) < eventsAtOnce; it.Next() {
			e := Event{Number: number(it.Item().Key())}
			if err := it.Item().Value(func(row []byte) error { return decodeRow(row, &e) }); err != nil {
				return err
			}
			page = append(page, e)
		}
		return nil
	})
	return page, err
}

// pause waits until changed is closed.
func (h *Hive) pause(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-h.done:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// loadEvents finds the first and the last event.
func (h *Hive) loadEvents(txn *badger.Txn) error {
	for _, reverse := range []bool{false, true} {
		it := txn.NewIterator(badger.IteratorOptions{Reverse: reverse})
		seek := []byte{rowEvent}
		if reverse {
			seek = []byte{rowEvent + 1}
		}
		it.Seek(seek)
		if it.ValidForPrefix([]byte{rowEvent}) {
			n := number(it.Item().Key())
			if reverse {
				h.nextEvent = n + 1
			} else {
				h.firstEvent = n
			}
		}
		it.Close()
	}
	if h.nextEvent < h.firstEvent {
		return errors.New("the events are out of order")
	}
	return nil
}
