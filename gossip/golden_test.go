package gossip

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/batchain/batchain/wire"
)

var update = flag.Bool("update", false, "write the golden files")

// samples are messages of every kind, and the records in them, with every field
// set.
func samples(t testing.TB) map[string]*message {
	t.Helper()
	o := newStranger(1)
	sign := func(e entry) wire.Signed {
		s, err := signEntry(o.key, "test", e)
		if err != nil {
			t.Fatal(err)
		}
		return s.Signed
	}
	head := o.sign(t, head{
		Incarnation: 1_800_000_000_000, Seq: 3, Max: 4, GC: 1, Root: bytes.Repeat([]byte{1}, rootSize),
		Anchor: bytes.Repeat([]byte{2}, linkSize), Base: 2048, Left: true,
	})
	entries := []wire.Signed{
		sign(entry{Incarnation: 1_800_000_000_000, Version: 2, Key: "free", Value: []byte("1 TB")}),
		sign(entry{Incarnation: 1_800_000_000_000, Version: 3, Key: "gone", Deleted: true}),
		sign(entry{Incarnation: 1_800_000_000_000, Version: 4, Key: "offer", Value: []byte{0, 255}, TTL: 60_000}),
	}
	digest := appendSummary(nil, summary{o.who.short(), 1_800_000_000_000, 1, 4, 3, 2050})
	beats := appendBeat(nil, beat{o.who.short(), 2050, link{3, 4, 5}})
	return map[string]*message{
		"syn":        {Kind: kindSyn, Hash: bytes.Repeat([]byte{6}, rootSize), Heard: []byte{8, 2, 0, 1}},
		"syn-digest": {Kind: kindSyn, Digest: digest, Partial: true},
		"synack":     {Kind: kindSynAck, Hash: bytes.Repeat([]byte{6}, rootSize), Want: []byte{2}, Beats: beats},
		"ack":        {Kind: kindAck, Digest: digest, Deltas: []delta{{Owner: o.who[:], From: 1, Head: head, Entries: entries}}, Beats: beats},
		"push":       {Kind: kindPush, Deltas: []delta{{Owner: o.who[:], Head: head}}},
		"probe":      {Kind: kindProbe, Nonce: 7},
		"probed":     {Kind: kindProbed, Nonce: 7, Beats: beats},
		"ask":        {Kind: kindAsk, Target: o.who[:]},
	}
}

// The formats are for years: these bytes may never change.
func TestGolden(t *testing.T) {
	for name, m := range samples(t) {
		data, err := wire.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		want := golden(t, name, data)
		if !bytes.Equal(data, want) {
			t.Errorf("%s is written as\n%x, want\n%x", name, data, want)
		}
		back, err := parseMessage(want)
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s reads back as %+v, %v", name, back, err)
		}
		for _, d := range back.Deltas {
			in := incoming{who: identity(d.Owner), since: d.From}
			if err := in.parse(d); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if err := in.verify(newVerifier("test")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// golden returns the bytes of a golden file, written first with -update.
func golden(t testing.TB, name string, data []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "v1", name+".hex")
	if *update {
		if err := os.WriteFile(path, []byte(hex.EncodeToString(data)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// What is hashed and chained never changes either.
func TestGoldenHashes(t *testing.T) {
	o := newStranger(1)
	salt := newChainSalt(o.who, 1_800_000_000_000)
	below := salt.below(link{1, 2, 3}, 9)
	entries := map[string]*signedEntry{
		"b": {entry: entry{Version: 2, Key: "b", Value: []byte("x")}},
		"a": {entry: entry{Version: 3, Key: "a", Deleted: true}},
	}
	data := append(append(salt[:], below[:]...), root(entries)...)
	if want := golden(t, "hashes", data); !bytes.Equal(data, want) {
		t.Errorf("%x, want %x", data, want)
	}
	row, err := wire.Marshal(savedRow{Version: 1, Live: true, Incarnation: 2, Seen: 3, Records: []byte{4}})
	if err != nil {
		t.Fatal(err)
	}
	if want := golden(t, "row", row); !bytes.Equal(row, want) {
		t.Errorf("%x, want %x", row, want)
	}
}

// A newer member's fields are ignored, in messages and in records.
func TestUnknownFields(t *testing.T) {
	for name, m := range samples(t) {
		plain, err := wire.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[int]any
		if err := wire.Unmarshal(plain, &fields); err != nil {
			t.Fatal(err)
		}
		fields[23], fields[1000] = "from the future", map[int]any{1: []int{2}}
		more, err := wire.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseMessage(more); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s with unknown fields reads as %+v, %v", name, back, err)
		}
	}
}

// The largest message that a member writes is one that others take.
func TestLimitsFit(t *testing.T) {
	o := Options{MaxBytes: 1 << 30}.withDefaults()
	most := o.MaxBytes + maxDigest*(8+5*10) + maxBeats*(8+10+linkSize) + 2*maxMembers + 1000
	if most > MaxMessage {
		t.Errorf("a message of %d bytes may be written, %d are taken", most, MaxMessage)
	}
	e, err := signEntry(testKey(1), "test", entry{
		Incarnation: maxIncarnation, Version: 1 << 63, Key: strings.Repeat("k", MaxKey), Value: make([]byte, MaxValue), TTL: 1 << 63,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseEntry(e.Signed); err != nil {
		t.Errorf("the largest entry: %v", err)
	}
}
