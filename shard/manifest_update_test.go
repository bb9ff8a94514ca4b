package shard

import (
	"bytes"
	"errors"
	"iter"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"
)

// placements returns who holds what, as [Manifest.Update] takes it.
func placements(segments []Segment) iter.Seq2[uint32, []Placement] {
	return func(yield func(uint32, []Placement) bool) {
		for _, s := range segments {
			if len(s.Placed) > 0 && !yield(s.Number, s.Placed) {
				return
			}
		}
	}
}

func updated(tb tester, m *Manifest, c content) []byte {
	tb.Helper()
	var buf bytes.Buffer
	check(tb, m.Update(&buf, c.hosts, placements(c.segments)))
	return buf.Bytes()
}

// Update keeps everything but the placements, which are those given and no
// others, of a manifest of either capability.
func TestUpdate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, other := drawContent(t), drawContent(t)
		data := writeManifest(t, c)
		m := mustOpen(t, data)
		c.hosts = other.hosts
		for i := range c.segments {
			c.segments[i].Placed = nil
			if i >= len(other.segments) {
				continue
			}
			for _, p := range other.segments[i].Placed {
				if int(p.Index) < c.scheme.Shards() {
					c.segments[i].Placed = append(c.segments[i].Placed, p)
				}
			}
		}
		moved := updated(t, m, c)
		got := mustOpen(t, moved)
		sameContent(t, got, c)
		if end := coreEnd(t, data); !bytes.Equal(moved[:end], data[:end]) || got.Core != m.Core || *got.Private != *m.Private || *got.Key != *m.Key {
			t.Fatal("another core, key or private part")
		}
		if again := updated(t, got, c); !bytes.Equal(again, moved) {
			t.Fatal("the same placements give other bytes")
		}
		repair := mustOpen(t, export(t, m))
		movedRepair := mustOpen(t, updated(t, repair, c))
		sameContent(t, movedRepair, c)
		sameCore(t, m, movedRepair)
		if !bytes.Equal(export(t, got), updated(t, repair, c)) {
			t.Fatal("a repair manifest updated differs from one exported after")
		}
	})
}

func TestUpdateRefuses(t *testing.T) {
	c := fixedContent(t)
	m := mustOpen(t, writeManifest(t, c))
	one := func(segment uint32, p Placement) iter.Seq2[uint32, []Placement] {
		return placements([]Segment{{Number: segment, Placed: []Placement{p}}})
	}
	for name, row := range map[string]struct {
		hosts  []peer.AddrInfo
		placed iter.Seq2[uint32, []Placement]
	}{
		"a segment that is not there": {c.hosts, one(3, Placement{})},
		"an index that is not there":  {c.hosts, one(0, Placement{Index: 5})},
		"a host that is not there":    {c.hosts, one(0, Placement{Host: 5})},
		"no host at all":              {nil, one(0, Placement{})},
		"segments in another order":   {c.hosts, placements([]Segment{c.segments[2], c.segments[0]})},
		"a segment twice":             {c.hosts, placements([]Segment{c.segments[0], c.segments[0]})},
		"a host without an id":        {[]peer.AddrInfo{{}}, placements(nil)},
		"too many hosts":              {make([]peer.AddrInfo, maxHosts+1), placements(nil)},
	} {
		if m.Update(&bytes.Buffer{}, row.hosts, row.placed) == nil {
			t.Errorf("%s: it is written", name)
		}
	}
	gone := errors.New("disk is full")
	if err := m.Update(failingWriter{gone}, c.hosts, placements(c.segments)); !errors.Is(err, gone) {
		t.Errorf("on a full disk: %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
