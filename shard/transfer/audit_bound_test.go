package transfer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// doubting is a health file by which the first host had wrong shards.
func (f *file) doubting() healthFile {
	return healthFile{Hosts: []hostHealth{{Peer: f.peers[0], Shards: 64, Wrong: 64}}}
}

// A doubted host is asked for more, and not for everything unless somebody wants
// that.
func TestDoubtHasABound(t *testing.T) {
	f := newFile(t, shard.Scheme{Data: 2, Parity: 2}, 64, 1<<20, 4, true) // 2048 leaves at each host
	picked := func(opts AuditOptions) (most int) {
		for n := range f.peers {
			f.host(n).picks = nil
		}
		r := f.round(t, f.doubting(), opts, time.Now())
		if n := len(f.host(1).picks); n != 1 {
			t.Errorf("%+v: another host was asked %d times", opts, n)
		}
		for _, p := range f.host(0).picks {
			most += len(p)
		}
		if r.s.hosts[0].wrong() > 0 {
			t.Errorf("%+v: wrong", opts)
		}
		return most
	}
	for opts, want := range map[AuditOptions]int{{Leaves: 4}: 128, {}: doubtLeaves, {Leaves: 60}: doubtLeaves} {
		if n := picked(opts); n != want || f.host(0).asked["fetch"] > 0 {
			t.Errorf("%+v: %d leaves and %d shards, want %d leaves", opts, n, f.host(0).asked["fetch"], want)
		}
	}
	if picked(AuditOptions{Leaves: 4, whole: true}); f.host(0).asked["fetch"] != 64 || f.host(1).asked["fetch"] != 0 {
		t.Errorf("by hand %d shards were read, and %d of another host", f.host(0).asked["fetch"], f.host(1).asked["fetch"])
	}
}

// Doubt ends with proofs, and not by keeping silent.
func TestDoubtEndsWithProofs(t *testing.T) {
	f := newFile(t, twoThree, 4, 64<<10, 5, false)
	doubted := func() bool {
		now := time.Now()
		r := f.round(t, f.doubting(), AuditOptions{}, now)
		return healthFile{Hosts: r.s.hostHealth(now)}.doubts()[f.peers[0]]
	}
	f.host(0).says = only("audit", saying(wire.ErrInternal))
	if !doubted() {
		t.Error("a refusal ends it")
	}
	f.host(0).says = nil
	if doubted() {
		t.Error("proofs do not end it")
	}
}

// How many shards are looked at one by one follows how much is asked for.
func TestCloserLookFollowsLeaves(t *testing.T) {
	f := newFile(t, shard.Scheme{Data: 2, Parity: 2}, 400, 2<<10, 4, true)
	for opts, want := range map[AuditOptions]int{{Leaves: 4}: 64, {Leaves: 20}: 160, {}: 8 * AuditLeaves, {Leaves: 4, whole: true}: 400} {
		f.host(0).picks, f.host(0).proves = nil, func(shard.Pick, []byte) []byte { return nil }
		s := f.survey(t, healthFile{}, nobody)
		a := newAuditor(s, f.flock, opts, quiet)
		a.draw = rand.New(rand.NewChaCha8([32]byte{1}))
		if err := a.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		looked := 0
		for _, p := range f.host(0).picks {
			looked += len(p)
		}
		if looked -= a.opts.Leaves; looked > want || looked < want-a.opts.Leaves {
			t.Errorf("%+v: a closer look at %d shards, want %d", opts, looked, want)
		}
		if got := s.hosts[0].count()[verdictMissing]; got != 400 {
			t.Errorf("%+v: %d of 400 lost shards are missing", opts, got)
		}
	}
}
