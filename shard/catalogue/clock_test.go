package catalogue

import (
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

// A clock that is wrong for one publish takes no file off the list, whether its
// manifest is here or not, and revives none.
func TestAWrongClockForgetsNothing(t *testing.T) {
	b := newBed(t, 8)
	d, other := b.device(1), b.device(2)
	id, theirs, gone := shard.NewFileID(), shard.NewFileID(), d.put(1, b.boxes[:4]...)
	check(t, d.Add(d.write(id, 1, b.boxes[:4], b.clock().Add(90*24*time.Hour))))
	check(t, other.Add(other.write(theirs, 1, b.boxes[:4], b.clock().Add(90*24*time.Hour))))
	_, err := d.Remove(gone)
	check(t, err)
	other.publish()
	d.publish()
	b.pass(1)
	d.skew = 4 * 365 * 24 * time.Hour
	added := d.put(1, b.boxes[:4]...)
	d.publish()
	d.skew = 0
	if d.restart(); len(d.look().Pages[0].Rows) != 4 {
		t.Errorf("%d of 4 rows are left", len(d.look().Pages[0].Rows))
	}
	d.publish()
	d.has(id, theirs, added)
}
