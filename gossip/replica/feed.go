package replica

import (
	"context"
	"iter"
	"sync"
)

// maxPending is how many changes wait for a watcher before it is told to look at
// everything instead.
const maxPending = 4096

// feed tells watchers which keys changed. A key that changes again before a watcher
// comes to it is told once. The zero value has no watchers.
type feed[K comparable] struct {
	mu       sync.Mutex
	watchers map[*watcher[K]]struct{}
}

type watcher[K comparable] struct {
	pending []K
	waits   map[K]bool
	lost    bool // more than fits: everything may have changed
	wake    chan struct{}
}

func (f *feed[K]) touch(key K) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		switch {
		case w.lost || w.waits[key]:
			continue
		case len(w.pending) >= maxPending:
			w.pending, w.lost = nil, true
			clear(w.waits)
		default:
			w.pending = append(w.pending, key)
			w.waits[key] = true
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// watch yields what changes from now on, until ctx ends. False means that changes
// were lost; the key is none.
func (f *feed[K]) watch(ctx context.Context) iter.Seq2[K, bool] {
	w := &watcher[K]{waits: map[K]bool{}, wake: make(chan struct{}, 1)}
	f.mu.Lock()
	if f.watchers == nil {
		f.watchers = map[*watcher[K]]struct{}{}
	}
	f.watchers[w] = struct{}{}
	f.mu.Unlock()
	leave := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, w)
	}
	stop := context.AfterFunc(ctx, leave)
	return func(yield func(K, bool) bool) {
		defer stop()
		defer leave()
		for {
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			}
			if ctx.Err() != nil || !f.drain(w, yield) {
				return
			}
		}
	}
}

func (f *feed[K]) drain(w *watcher[K], yield func(K, bool) bool) bool {
	f.mu.Lock()
	pending, lost := w.pending, w.lost
	w.pending, w.lost = nil, false
	clear(w.waits)
	f.mu.Unlock()
	if lost {
		var none K
		return yield(none, false)
	}
	for _, key := range pending {
		if !yield(key, true) {
			return false
		}
	}
	return true
}
