package work

import (
	"math"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

func TestTrust(t *testing.T) {
	day := int64(24 * time.Hour / time.Millisecond)
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("%s: trust %.5f, want %.5f", what, got, want)
		}
	}
	r := NewReputation()
	near("a new bee", r.Trust(0.1, 3, 0), 0.9)
	for range 41 {
		r.Pass("a", []peer.ID{"a", "b"}, 0)
	}
	near("after 41 comparisons with the same bee", r.Trust(0.1, 3, 0), 0.9)
	for range 41 {
		r.Pass("a", []peer.ID{"c"}, 0)
	}
	near("after as many with another one", r.Trust(0.1, 3, 0), 0.9990)
	if r.Trust(0.1, 3, 0) < 0.999 {
		t.Error("41 comparisons do not suffice for the default threshold")
	}
	near("a month later half is forgotten", r.Trust(0.1, 3, 30*day), 1-2*(1-r.Trust(0.1, 3, 0)))
	near("years later", r.Trust(0.1, 3, 3000*day), 0.9)
	r.Catch(true, 10*day)
	near("once caught", r.Trust(0.1, 3, 16*day), 0)
	near("after its exile", r.Trust(0.1, 3, 17*day), 0.9)
	r.Pass("a", []peer.ID{"c"}, 17*day)
	if r.checks(17*day) != 0 {
		t.Error("who had agreed with it before it was caught counts still")
	}
	r.Catch(true, 17*day)
	near("the second exile is twice as long", r.Trust(0.1, 3, 30*day), 0)
	near("and ends", r.Trust(0.1, 3, 31*day), 0.9)
	for range 1000 {
		r.Pass("a", []peer.ID{"b", "c"}, 31*day)
		r.Take()
	}
	if got := r.Trust(0.1, 3, 31*day); got > maxTrust {
		t.Errorf("trust %v", got)
	}
}

func TestQuota(t *testing.T) {
	r := NewReputation()
	steps := []struct {
		what string
		do   func()
		want uint16
	}{
		{"at first", func() {}, 16},
		{"a result that is taken", r.Take, 32},
		{"a comparison", func() { r.Pass("a", nil, 0) }, 64},
		{"an error", r.Err, 63},
		{"a lease that went by", r.Expire, 31},
		{"a lost vote", func() { r.Catch(false, 0) }, 15},
	}
	for _, s := range steps {
		if s.do(); r.Quota != s.want {
			t.Errorf("%s: quota %d, want %d", s.what, r.Quota, s.want)
		}
	}
	for range 100 {
		r.Expire()
	}
	if r.Quota != 1 {
		t.Errorf("the least quota is %d", r.Quota)
	}
	for range 100 {
		r.Take()
	}
	if r.Quota != maxQuota {
		t.Errorf("the largest quota is %d", r.Quota)
	}
}

// Rules that find honest losers exile for short times at first.
func TestLostVotesExileBriefly(t *testing.T) {
	r := NewReputation()
	minute := time.Minute.Milliseconds()
	for _, want := range []int64{minute, 2 * minute, 4 * minute} {
		r.Catch(false, 0)
		if r.Exiled != want {
			t.Errorf("exiled until %d, want %d", r.Exiled, want)
		}
	}
	for range 200 {
		r.Catch(false, 0)
	}
	if r.Exiled != exile.Milliseconds() {
		t.Errorf("exiled until %d at the most", r.Exiled)
	}
}
