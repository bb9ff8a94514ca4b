package replica

import "time"

// Timestamp is the time of a hybrid logical clock: Unix milliseconds in the upper
// 48 bits, a counter in the lower 16. It orders updates as people see them, and
// decides nothing about what is sent. Kulkarni et al., "Logical Physical Clocks",
// 2014.
type Timestamp uint64

const counterBits = 16

// maxTimestamp is the year 6429; what lies beyond it is malformed.
const maxTimestamp = Timestamp(1<<47) << counterBits

// At is the first timestamp of a moment; 0 for all before 1970.
func At(t time.Time) Timestamp { return Timestamp(max(0, t.UnixMilli())) << counterBits }

// Time is the moment, to the millisecond.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t >> counterBits)) }

// hybrid is a clock that never steps back, whatever the wall clock does. It need
// not be saved apart: the newest update of each source is always kept.
type hybrid struct{ last Timestamp }

// next returns a time later than all that were seen.
func (c *hybrid) next(now time.Time) Timestamp {
	c.last = max(c.last+1, At(now))
	return c.last
}

func (c *hybrid) see(t Timestamp) { c.last = max(c.last, t) }
