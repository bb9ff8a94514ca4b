package gossip

import (
	"bytes"
	"testing"

	"github.com/batchain/batchain/wire"
)

// Whatever is parsed and written again parses as the same.
func FuzzParseMessage(f *testing.F) {
	for _, m := range samples(f) {
		data, err := wire.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMessage(data)
		if err != nil {
			return
		}
		first, err := wire.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseMessage(first)
		if err != nil {
			t.Fatalf("what was written does not parse: %v", err)
		}
		if second, err := wire.Marshal(again); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("written again: %x, %v; at first %x", second, err, first)
		}
	})
}

func FuzzParseDigest(f *testing.F) {
	f.Add(samples(f)["syn-digest"].Digest)
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseDigest(data)
		if err == nil && !bytes.Equal(digestOfWants(all), data) {
			t.Fatalf("%x is written again as %x", data, digestOfWants(all))
		}
	})
}

func FuzzParseBeats(f *testing.F) {
	f.Add(samples(f)["probed"].Beats)
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseBeats(data)
		if err != nil {
			return
		}
		var again []byte
		for _, b := range all {
			again = appendBeat(again, b)
		}
		if !bytes.Equal(again, data) {
			t.Fatalf("%x is written again as %x", data, again)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	for _, d := range samples(f)["ack"].Deltas {
		f.Add(d.Head.Body)
		for _, e := range d.Entries {
			f.Add(e.Body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := wire.Signed{Body: body, Sig: make([]byte, 64)}
		if e, err := parseEntry(s); err == nil {
			again, err := wire.Marshal(e.entry)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := parseEntry(wire.Signed{Body: again, Sig: s.Sig}); err != nil || back.Key != e.Key || !bytes.Equal(back.Value, e.Value) || back.Version != e.Version {
				t.Fatalf("%+v reads back as %+v, %v", e, back, err)
			}
		}
		if h, err := parseHead(s); err == nil {
			again, err := wire.Marshal(h.head)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := parseHead(wire.Signed{Body: again, Sig: s.Sig}); err != nil || back.Seq != h.Seq || !bytes.Equal(back.Root, h.Root) {
				t.Fatalf("%+v reads back as %+v, %v", h, back, err)
			}
		}
	})
}

// Whatever a stranger sends to a member, it stays one: its own state and what
// it holds of others do not change by what nobody signed, and it goes on.
func FuzzHandle(f *testing.F) {
	for _, m := range samples(f) {
		data, err := wire.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	n, _ := alone(f, Options{}, 2)
	data, err := wire.Marshal(&message{Kind: kindSyn, Digest: digestOf(n.sorted())})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		n, others := alone(t, Options{}, 2)
		self, other := *n.self, *n.members[others[0].id]
		from := newStranger(1).id
		l := letter{from: from}
		l.m, l.err = parseMessage(data)
		l.open(n.core, n.sim.now)
		n.tick(n.sim.now)
		if n.self.max != self.max || n.self.incarnation() != self.incarnation() {
			t.Errorf("own state went from %d to %d", self.max, n.self.max)
		}
		if m := n.members[others[0].id]; m.max != other.max || m.beat != other.beat || len(m.entries) != 2 {
			t.Errorf("another's state went from %d to %d", other.max, m.max)
		}
		for _, o := range n.out {
			if data, err := wire.Marshal(o.m); err != nil || len(data) > MaxMessage {
				t.Errorf("answers with %d bytes, %v", len(data), err)
			}
		}
	})
}

// The row that a store gives back may be damaged.
func FuzzRestore(f *testing.F) {
	n, others := alone(f, Options{}, 2)
	f.Add(n.members[others[0].id].saved().Records)
	f.Fuzz(func(t *testing.T, records []byte) {
		n, _ := alone(t, Options{})
		n.restore(n.sim.now, Saved{Peer: others[0].id, Live: true, Seen: n.sim.now, Records: records})
		if m := n.members[others[0].id]; m != nil && (m.state != Unknown || !m.proven) {
			t.Errorf("restored %+v", m)
		}
	})
}
