package transfer

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// patience is how long a put goes on trying a host that fails when nobody else
// could take its shards: long enough for a restart, and for a host to notice that
// an earlier try of the same transfer is dead (10 s).
const patience = 15 * time.Second

// busyPatience is the same for a host that serves too many at once, often
// ourselves: long enough for one of them to end on a slow line.
const busyPatience = 3 * time.Minute

// roster is who takes the shards of one put: for each place a host, and spares
// that step in. It is safe for concurrent use.
type roster struct {
	mu      sync.Mutex
	places  []peer.ID // who serves place (index + segment) mod len
	spares  []peer.ID // asked, have room, and got nothing yet
	lost    map[peer.ID]loss
	failing map[peer.ID]time.Time // since when
	perHost int                   // shards of one segment that a host may have
}

// loss is why a host was given up.
type loss struct {
	why    string
	silent bool // it did not answer, or was too slow: whether it is there is not known
}

// newRoster takes hosts in order of preference. Without colocation each host
// has one place; with it, hosts share the places evenly.
func newRoster(s shard.Scheme, hosts []peer.ID, colocate bool) *roster {
	r := &roster{lost: map[peer.ID]loss{}, failing: map[peer.ID]time.Time{}, perHost: 1}
	if colocate {
		r.perHost = shardsPerHost(s, min(len(hosts), s.Shards()))
	}
	count := min(len(hosts), s.Shards())
	r.places, r.spares = append(r.places, hosts[:count]...), append(r.spares, hosts[count:]...)
	return r
}

// load counts the shards of one segment that each host has or is being sent.
// Only the roster's methods touch it once transfers run.
type load map[peer.ID]int

// assign returns the host for an index of a segment: the one whose place it is,
// or else any other that may still take one. It counts the shard in l.
func (r *roster) assign(segment uint32, index int, l load) (peer.ID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.places) == 0 {
		return "", false
	}
	h := r.places[(index+int(segment))%len(r.places)]
	if !r.mayTake(h, l) {
		var ok bool
		if h, ok = r.other(l); !ok {
			return "", false
		}
	}
	l[h]++
	return h, true
}

// replace takes the shard off a host that failed or lags and returns another;
// a spare first.
func (r *roster) replace(from peer.ID, l load) (peer.ID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l[from]--
	h, ok := r.other(l)
	if ok {
		l[h]++
	}
	return h, ok
}

// supplant gives the shard of a host that lags to one that is ready, if there is
// one, and counts it there as well, until either is released. The laggard is
// given up when a spare takes its place; otherwise later segments may need it.
func (r *roster) supplant(from peer.ID, why error, l load) (peer.ID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, ok := r.ready(l, from)
	if !ok {
		return "", false
	}
	l[h]++
	if _, lost := r.lost[from]; !lost && r.spare() < 0 {
		r.failing[from] = time.Now()
	} else {
		r.drop(from, why)
	}
	return h, true
}

// spare returns which spare could take a place, -1 if none.
func (r *roster) spare() int {
	return slices.IndexFunc(r.spares, func(s peer.ID) bool { return r.mayTake(s, load{}) })
}

// release takes a shard off a host.
func (r *roster) release(h peer.ID, l load) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l[h]--
}

// hasOther reports whether a host that does not fail could take one more shard
// of the segment.
func (r *roster) hasOther(l load) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.ready(l, "")
	return ok
}

// ready returns a host but one that does not fail and may take one more: a
// spare first.
func (r *roster) ready(l load, but peer.ID) (peer.ID, bool) {
	for _, h := range slices.Concat(r.spares, r.places) {
		if h != but && r.mayTake(h, l) {
			return h, true
		}
	}
	return "", false
}

// other returns the best host with room in l: one that is ready, or else one
// that fails and is not given up yet.
func (r *roster) other(l load) (peer.ID, bool) {
	if h, ok := r.ready(l, ""); ok {
		return h, true
	}
	for _, h := range slices.Concat(r.spares, r.places) {
		if _, lost := r.lost[h]; !lost && l[h] < r.perHost {
			return h, true
		}
	}
	return "", false
}

func (r *roster) mayTake(h peer.ID, l load) bool {
	_, lost := r.lost[h]
	_, failing := r.failing[h]
	return !lost && !failing && l[h] < r.perHost
}

// room is how many more shards of the segment hosts that do not fail could take.
func (r *roster) room(l load) (count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range slices.Concat(r.spares, r.places) {
		if r.mayTake(h, l) {
			count += r.perHost - l[h]
		}
	}
	return count
}

// succeeded forgets that a host failed. One that was given up for its silence
// stays given up, but is not silent any more.
func (r *roster) succeeded(h peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failing, h)
	if l, lost := r.lost[h]; lost {
		r.lost[h] = loss{why: l.why}
	}
}

// silent reports whether a host was given up because it did not answer.
func (r *roster) silent(h peer.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost[h].silent
}

// allSilent returns the hosts that were given up because they did not answer.
func (r *roster) allSilent() (hosts []peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for h, l := range r.lost {
		if l.silent {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// gaveUp reports whether a host gets nothing any more.
func (r *roster) gaveUp(h peer.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, lost := r.lost[h]
	return lost
}

// failed notes that a host failed and reports whether it is worth another try:
// patience with it is not used up yet, and nobody gave it up for anything else.
func (r *roster) failed(h peer.ID, why error, now time.Time, patience time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, lost := r.lost[h]; lost {
		return false
	}
	since, known := r.failing[h]
	if !known {
		since = now
		r.failing[h] = now
	}
	if now.Sub(since) < patience {
		return true
	}
	r.drop(h, why)
	return false
}

// lose gives a host up for the rest of the put. A spare takes its place.
func (r *roster) lose(h peer.ID, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(h, why)
}

func (r *roster) drop(h peer.ID, why error) {
	r.lost[h] = loss{reason(why), unheard(why)}
	delete(r.failing, h)
	for i, p := range r.places {
		if p != h {
			continue
		}
		if at := r.spare(); at >= 0 {
			r.places[i] = r.spares[at]
			r.spares = slices.Delete(r.spares, at, at+1)
		}
	}
}

// reasons counts why hosts were given up.
func (r *roster) reasons() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[string]int{}
	for _, l := range r.lost {
		counts[l.why]++
	}
	return counts
}
