package replica

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// EventLog carries events to everybody, also to those who come later or come back,
// in the order of their times. Of each replica the newest are kept. It is safe for
// concurrent use.
type EventLog struct {
	keep  int
	id    peer.ID
	local func(changes ...[]byte) error
	feed  feed[struct{}]

	mu  sync.RWMutex
	log Log[eventOp]
}

type eventOp struct {
	Topic []byte `cbor:"1,keyasint"`
	Data  []byte `cbor:"2,keyasint,omitempty"`
}

// LogEvent is one event of an [EventLog].
type LogEvent struct {
	Topic  string // any bytes
	Data   []byte // not to be altered
	Time   Timestamp
	Source Source
	Seq    uint64
	Local  bool // emitted by this replica
}

// NewEventLog returns an empty log, of which each replica's newest keep events are
// kept; 0: 1024.
func NewEventLog(keep int) *EventLog {
	if keep <= 0 {
		keep = 1024
	}
	return &EventLog{keep: keep}
}

// Emit appends an event. Its errors are those of [Replica.Local].
func (l *EventLog) Emit(topic string, data []byte) error {
	if l.local == nil {
		return errUnbound
	}
	change, err := wire.Marshal(eventOp{Topic: []byte(topic), Data: data})
	if err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	return l.local(change)
}

// Since yields the events kept that a clock does not cover, by time. A nil clock
// covers none.
func (l *EventLog) Since(since Clock) iter.Seq[LogEvent] {
	l.mu.RLock()
	entries := l.log.Since(since)
	l.mu.RUnlock()
	return func(yield func(LogEvent) bool) {
		for _, e := range entries {
			u := e.Update
			if !yield(LogEvent{string(e.Is.Topic), e.Is.Data, u.Time, u.Source, u.Seq, u.Source.Peer == l.id}) {
				return
			}
		}
	}
}

// Follow yields the events kept that a clock does not cover, and then those that come,
// each once, until ctx ends. The events of one replica come in its order; one that
// arrives late comes after later ones of others. Who is too slow misses what is
// kept no more.
func (l *EventLog) Follow(ctx context.Context, since Clock) iter.Seq[LogEvent] {
	changes := l.feed.watch(ctx)
	return func(yield func(LogEvent) bool) {
		seen := since.Clone()
		news := func() bool {
			for e := range l.Since(seen) {
				seen[e.Source] = max(seen[e.Source], e.Seq)
				if !yield(e) {
					return false
				}
			}
			return true
		}
		if !news() {
			return
		}
		for range changes {
			if !news() {
				return
			}
		}
	}
}

// Len is how many events are kept.
func (l *EventLog) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.log.Len()
}

// Bind is part of [Binder].
func (l *EventLog) Bind(id peer.ID, local func(changes ...[]byte) error) { l.id, l.local = id, local }

// Check is part of [Model].
func (l *EventLog) Check(change []byte) error {
	_, err := parseEventOp(change)
	return err
}

func parseEventOp(change []byte) (eventOp, error) {
	var op eventOp
	if err := wire.Unmarshal(change, &op); err != nil {
		return eventOp{}, fmt.Errorf("event log: %w", err)
	}
	if op.Topic == nil {
		return eventOp{}, errors.New("event log: an event without a topic")
	}
	return op, nil
}

// Apply is part of [Model].
func (l *EventLog) Apply(u Update) {
	op, err := parseEventOp(u.Change)
	if err != nil {
		return // Check let it pass
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log.Add(u, op)
	l.feed.touch(struct{}{})
}

// Forget is part of [Model].
func (l *EventLog) Forget(source Source, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log.Remove(source, seq)
}

// History is part of [Model].
func (l *EventLog) History(since Clock) iter.Seq[Update] {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.log.History(since)
}

// Obsolete is part of [Pruner].
func (l *EventLog) Obsolete(u Update) []uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.log.Oldest(u, l.keep)
}
