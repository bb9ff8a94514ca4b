package transfer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func TestSurveyTellsWhatIsWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, twoThree, 20, 64<<10, 6, false)
		f.host(1).rows = f.host(1).rows[3:]
		f.host(2).gone = true
		f.host(3).says = silent
		f.host(4).says = func(context.Context, string) error { return wire.ErrUnsupported }
		f.host(0).page = 7
		s := f.survey(t, healthFile{}, nobody)
		per := len(f.host(0).rows)
		for i, want := range []map[verdict]int{
			{verdictOK: per}, {verdictOK: per - 4 + 1, verdictMissing: 3}, {verdictUnreachable: len(f.host(2).rows)},
			{verdictTimeout: len(f.host(3).rows)}, {verdictRefused: len(f.host(4).rows)}, {verdictOK: len(f.host(5).rows)},
		} {
			if i == 1 {
				want[verdictOK] = len(f.host(1).rows)
			}
			if h := s.hosts[i]; !maps.Equal(h.count(), want) || h.peer != f.peers[i] || (h.state == verdictOK) != (h.why == "") {
				t.Errorf("host %d: %v, want %v", i, h, want)
			}
		}
		if n := f.host(3).asked["list"]; n != 1+askAgain {
			t.Errorf("who does not answer was asked %d times", n)
		}
		segments := 0
		for at, err := range s.segments() {
			if err != nil {
				t.Fatal(err)
			}
			segments++
			seen := map[uint8]int{}
			for _, a := range at.at {
				seen[a.index] = a.host
				if want := (int(a.index) + int(at.Number)) % 6; a.host != want {
					t.Errorf("segment %d index %d is at %d", at.Number, a.index, a.host)
				}
			}
			if len(seen) != 5 {
				t.Errorf("segment %d: %v", at.Number, seen)
			}
		}
		if segments != 20 {
			t.Errorf("%d segments", segments)
		}
	})
}

// The manifest is a hint: what hosts that announced the file hold counts as
// much, and a host that was seen at the last audit is not forgotten.
func TestSurveyBeyondTheManifest(t *testing.T) {
	f := newFile(t, twoThree, 9, 64<<10, 6, false)
	found := testPeer(100)
	f.flock.hosts[found] = f.host(0)
	f.host(1).gone = true
	seen := time.Unix(1000, 0)
	last := healthFile{Hosts: []hostHealth{{Peer: f.peers[1], Seen: seen.Unix(), Shards: 3}, {Peer: testPeer(101), Seen: seen.Unix(), Shards: 7}}}
	s := f.survey(t, last, others(found, f.peers[2], found))
	if len(s.hosts) != 8 {
		t.Fatalf("hosts: %v", s.hosts)
	}
	if h := s.hosts[7]; h.peer != found || h.count()[verdictOK] != len(f.host(0).rows) || h.extra != nil {
		t.Errorf("found: %v", h)
	}
	if h := s.hosts[6]; h.state != verdictUnreachable || h.known != 7 || !h.seen.Equal(seen) || len(h.shards) != 0 {
		t.Errorf("of the health file: %v", h)
	}
	if h := s.hosts[1]; !h.seen.Equal(seen) {
		t.Errorf("seen %v", h.seen)
	}
	if h := s.hosts[2]; !h.seen.IsZero() {
		t.Errorf("it only lists, and is seen %v", h.seen)
	}
}

// Rows that are not the file's are counted and left out, however many.
func TestSurveyLeavesOutWhatIsNotTheFiles(t *testing.T) {
	f := newFile(t, twoThree, 4, 64<<10, 5, false)
	good := slices.Clone(f.host(0).rows)
	alien := good[0]
	for name, spoil := range map[string]func(shard.Held) shard.Held{
		"another shard":      func(r shard.Held) shard.Held { r.Shard[0] ^= 1; return r },
		"at another index":   func(r shard.Held) shard.Held { r.Index = (r.Index + 1) % 5; return r },
		"of another segment": func(r shard.Held) shard.Held { r.Segment++; return r },
		"past the end":       func(r shard.Held) shard.Held { r.Segment = shard.MaxSegments - 1; return r },
		"index past the end": func(r shard.Held) shard.Held { r.Index = 200; return r },
		"of another length":  func(r shard.Held) shard.Held { r.Length--; return r },
	} {
		f.host(0).rows = append(slices.Clone(good), spoil(alien))
		if h := f.survey(t, healthFile{}, nobody).hosts[0]; h.alien != 1 || h.count()[verdictOK] != len(good) || len(h.shards) != len(good) {
			t.Errorf("%s: %v", name, h)
		}
	}
	f.host(0).rows = nil
	for range 1 << 20 {
		f.host(0).rows = append(f.host(0).rows, alien)
	}
	if h := f.survey(t, healthFile{}, nobody).hosts[0]; len(h.shards) != len(good) || f.host(0).asked["list"] > 100 {
		t.Errorf("a million rows: %v, asked %v", h, f.host(0).asked)
	}
}

// Hosts that each list every shard of the file fill the table to its bound.
func TestSurveyIsBounded(t *testing.T) {
	f := newFile(t, twoThree, 200, 64<<10, 5, true)
	var all []shard.Held
	for n := range 5 {
		all = append(all, f.host(n).rows...)
	}
	for n := range 5 {
		f.host(n).rows = all
	}
	s := f.survey(t, healthFile{}, nobody)
	held := 0
	for _, h := range s.hosts {
		held += len(h.shards)
		if len(h.shards) < 200 {
			t.Errorf("%v", h)
		}
	}
	if most := 5*len(all) + surveyPage; held > most {
		t.Errorf("%d shards are kept, at most %d", held, most)
	}
}

func TestSurveyEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, twoThree, 2, 64<<10, 5, true)
		f.host(0).says = silent
		s, err := newSurvey(f.m, "", healthFile{})
		if err != nil {
			t.Fatal(err)
		}
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := s.ask(ctx, f.flock, nobody); !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
	})
}

// A host that never comes to the end of its list keeps nobody longer than the
// bound.
func TestEndlessListEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, twoThree, 300, 64<<10, 5, true)
		f.host(0).page = 1
		f.host(0).says = func(ctx context.Context, _ string) error { return lag(ctx, 9*time.Second) }
		f.host(1).says = func(context.Context, string) error { return wire.ErrBusy }
		busy := 0
		f.host(2).says = func(context.Context, string) error {
			if busy++; busy < 5 {
				return wire.ErrBusy
			}
			return nil
		}
		began := time.Now()
		s := f.survey(t, healthFile{}, nobody)
		if took := time.Since(began); took > surveyTime+10*time.Second {
			t.Errorf("it took %s", took)
		}
		if s.hosts[0].state != verdictTimeout || s.hosts[1].state != verdictTimeout || s.hosts[2].state != verdictOK {
			t.Errorf("%v", s.hosts[:3])
		}
	})
}

func TestHoldingPacks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segment, index := rapid.Uint32Range(0, shard.MaxSegments-1).Draw(t, "segment"), rapid.Uint8Range(0, shard.MaxShards-1).Draw(t, "index")
		v := verdict(rapid.IntRange(0, len(verdictNames)-1).Draw(t, "verdict"))
		h := newHolding(segment, index).with(verdictMissing).with(v)
		if h.segment() != segment || h.index() != index || h.verdict() != v {
			t.Fatalf("%d %d %s became %d %d %s", segment, index, v, h.segment(), h.index(), h.verdict())
		}
	})
}
