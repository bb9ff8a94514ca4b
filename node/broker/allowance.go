package broker

import (
	"sync"
	"time"
)

// How many requests are taken in a minute. One asker may need as many
// introductions at once as a put has hosts; what keeps it from doing harm is that
// only its own IP is ever passed on.
const (
	requestsPerAsker  = 60   // introductions that one peer may ask for
	requestsPerTarget = 60   // … of one target, by all askers together
	requestsPerPair   = 20   // … of one target by one asker, which may lose it again and again
	requestsPerNet    = 600  // … from one network: an office behind one address
	requestsInTotal   = 1200 // … of a broker
	dialsPerBroker    = 120  // introductions that a target takes from one broker
	dialsInTotal      = 600  // … from all of them
	dialsPerIP        = 40   // … that lead to one IP
	observesPerPeer   = 120  // OBSERVE of one peer
	maxRemembered     = 4096 // peers that are counted apart; others are refused until the minute ends
)

// allowance counts what each key has used of a minute.
type allowance struct {
	perKey, total int

	mu    sync.Mutex
	began time.Time
	used  map[string]int
	sum   int
}

// take reports whether key may have one more, and counts it.
func (a *allowance) take(key string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.began) >= time.Minute {
		a.began, a.used, a.sum = now, map[string]int{}, 0
	}
	_, known := a.used[key]
	if a.used[key] >= a.perKey || a.total > 0 && a.sum >= a.total || !known && len(a.used) >= maxRemembered {
		return false
	}
	a.used[key]++
	a.sum++
	return true
}
