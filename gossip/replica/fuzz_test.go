package replica

import (
	"bytes"
	"testing"
	"time"

	"github.com/batchain/batchain/wire"
)

// stable writes what was parsed and parses it again: both must be the same bytes.
func stable(t *testing.T, v, again any, data []byte, parse func([]byte) error) {
	t.Helper()
	written, err := wire.Marshal(v)
	if err != nil {
		t.Fatalf("%x was read and cannot be written: %v", data, err)
	}
	if err := parse(written); err != nil {
		t.Fatalf("%x was read, and is written as %x: %v", data, written, err)
	}
	if twice, err := wire.Marshal(again); err != nil || !bytes.Equal(written, twice) {
		t.Fatalf("%x is written as %x, and then as %x: %v", data, written, twice, err)
	}
}

func FuzzParseUpdate(f *testing.F) {
	f.Add(golden(f, "update"))
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := parseUpdate(data)
		if err != nil {
			return
		}
		if u.Source.Epoch == 0 || u.Seq == 0 || u.Seq > maxSeq || u.Time > maxTimestamp || len(u.Drops) > maxDrops {
			t.Fatalf("out of range: %+v", u)
		}
		if len(u.Change) > 0 && !bytes.Contains(u.record.Body, u.Change) {
			t.Fatal("the change is not what was signed")
		}
		var v Update
		stable(t, u.record, &v.record, data, func(data []byte) (err error) { v, err = parseUpdate(data); return err })
		if v.sum != u.sum || v.root != u.root || v.Compare(u) != 0 {
			t.Fatalf("read as %+v, and then as %+v", u, v)
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	_, payload, _, err := wire.ParseFrame(golden(f, "stream"), maxHeader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader(data)
		if err != nil {
			return
		}
		var again header
		stable(t, h, &again, data, func(data []byte) (err error) { again, err = parseHeader(data); return err })
	})
}

func FuzzParseSources(f *testing.F) {
	list, err := wire.Marshal(listOf([]Source{{Peer: fixed(f, NewSet()).self.Peer, Epoch: 1}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(list)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, data []byte) {
		sources, err := parseSources(data)
		if err != nil {
			return
		}
		var again sourceList
		stable(t, listOf(sources), &again, data, func(data []byte) error {
			sources, err := parseSources(data)
			again = listOf(sources)
			return err
		})
	})
}

// What Check lets pass can be applied, and forgotten again.
func FuzzChanges(f *testing.F) {
	for _, name := range []string{"set-add", "set-remove", "event", "value", "bucket"} {
		f.Add(golden(f, name))
	}
	source := fixed(f, NewSet()).self
	f.Fuzz(func(t *testing.T, change []byte) {
		inner := func(string) Model { return NewMap(MapOptions{}) }
		for _, m := range []Model{NewMap(MapOptions{}), NewSet(), NewEventLog(0), NewValue(1, CBOR[string]()), NewBucket(inner)} {
			if m.Check(change) != nil {
				continue
			}
			u := Update{Source: source, Seq: 1, Time: 1, Change: change}
			obsolete(m, u)
			m.Apply(u)
			if held := count(m); held != 1 {
				t.Fatalf("%T holds %d updates after the first", m, held)
			}
			obsolete(m, Update{Source: source, Seq: 2, Time: 2})
			m.Forget(source, 1)
			if held := count(m); held != 0 {
				t.Fatalf("%T holds %d updates after forgetting the only one", m, held)
			}
		}
	})
}

func count(m Model) (n int) {
	for range m.History(nil) {
		n++
	}
	return n
}

// Whatever a file holds, what is taken in of it can be saved and loaded again.
func FuzzLoad(f *testing.F) {
	f.Add(golden(f, "file"))
	f.Add(golden(f, "file")[:200])
	f.Fuzz(func(t *testing.T, data []byte) {
		m, again := NewMap(MapOptions{}), NewMap(MapOptions{})
		r, back := fixed(t, m), fixed(t, again)
		if r.Load(t.Context(), bytes.NewReader(data)) == nil && len(data) > 0 && len(data) < wire.FrameHeaderSize {
			t.Fatal("less than a frame is a file")
		}
		var saved bytes.Buffer
		if err := r.Save(&saved); err != nil {
			t.Fatal(err)
		}
		if err := back.Load(t.Context(), &saved); err != nil {
			t.Fatal(err)
		}
		if len(back.History(nil)) != len(r.History(nil)) {
			t.Fatal("not all that was taken in was saved")
		}
	})
}

// Whatever a peer says, the stream ends, and the replica holds together.
func FuzzReplicate(f *testing.F) {
	f.Add(golden(f, "stream"))
	f.Add(golden(f, "stream-empty"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := fixed(t, NewMap(MapOptions{}))
		if err := r.Local(golden(t, "set-add")); err != nil {
			t.Fatal(err)
		}
		said := newTape(data)
		_ = r.Replicate(t.Context(), said, StreamOptions{Timeout: 20 * time.Millisecond})
		if got, want := len(r.History(nil)), r.Counts().Updates; got != want {
			t.Fatalf("%d updates, the base vouches for %d", got, want)
		}
	})
}
