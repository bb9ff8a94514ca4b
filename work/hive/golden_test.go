package hive

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

var update = flag.Bool("update", false, "write testdata anew")

type namedRow struct {
	key []byte
	row any
}

// rows is one of each, with every field set.
func goldenRows() []namedRow {
	digest := work.Digest{1, 2, 3}
	unit := work.Unit{Key: "row 7", Input: []byte("7"), Priority: 3}
	group := work.Group{
		State: work.Open, Priority: 3, Reason: "why", Refused: 1, Extra: 1,
		Attempts: []work.Attempt{{
			Peer: bee("a"), Owner: []byte("owner"), Network: []byte{10, 0, 0, 0, 24}, State: work.Submitted,
			Begun: 1000, Until: 2000, Latest: 9000, Ended: 1500, Digest: digest, Fuel: 5, Progress: 400, Text: "text",
		}},
	}
	project := inline("p", work.Policy{Absolute: 0.5}).WithDefaults()
	project.Program.Args, project.Program.Limits = []string{"x"}, work.Limits{Fuel: 1, Memory: 2, Output: 3, Wall: time.Second}
	chunk := work.Datachunk{
		Seq: 7, Key: "row 7", State: work.Valid, Output: []byte("49"), Reason: "why", Fuel: 5, Attempts: 2,
		Bees: []peer.ID{bee("a")}, Finished: 1500,
	}
	return []namedRow{
		{projectKey(1), projectRow{Project: project, State: Running, Sealed: true, Made: 9, Ended: [3]uint64{1, 2, 3}, Begun: 4, Checks: 5}},
		{unitKey(1, 3, 7), unit},
		{seqKey(rowGroup, 1, 7), group},
		{outputKey(1, 7, digest), []byte("49")},
		{seqKey(rowChunk, 1, 7), chunk},
		{namedKey(rowKey, 1, "row 7"), uint64(7)},
		{namedKey(rowCursor, 1, "consumer"), uint64(8)},
		{eventKey(3), Event{Kind: BeeCaught, Time: 1500, Project: "p", Seq: 7, Bee: bee("a")}},
		{reputationKey(work.ProgramID{9}, bee("a")), work.Reputation{Checks: 1.5, Since: 1, Exiled: 2, Quota: 3, Right: 4, Wrong: 5, Errors: 6, Expired: 7}},
		{beeKey(bee("a")), beeRow{Since: 1, Until: 2, Owner: []byte("owner")}},
		{quizKey(1, 2), quizRow{Unit: unit, Digest: digest, Bees: []peer.ID{bee("a")}}},
	}
}

// The bytes of every row are those of format 1.
func TestGoldenRows(t *testing.T) {
	var b strings.Builder
	for _, r := range goldenRows() {
		row, err := encodeRow(r.row)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%c %s %s\n", r.key[0], hex.EncodeToString(r.key), hex.EncodeToString(row))
	}
	name := filepath.Join("testdata", "rows.txt")
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the rows changed:\n%s", b.String())
	}
}

// Units of high priority come first, then the oldest.
func TestUnitKeysAreInOrder(t *testing.T) {
	keys := [][]byte{unitKey(1, 9, 300), unitKey(1, 3, 2), unitKey(1, 3, 256), unitKey(1, 0, 0), unitKey(2, 9, 0)}
	for i := range keys[1:] {
		if bytes.Compare(keys[i], keys[i+1]) >= 0 {
			t.Errorf("%x does not come before %x", keys[i], keys[i+1])
		}
	}
}

func TestRowsOfOtherVersionsAreRefused(t *testing.T) {
	var row beeRow
	for name, data := range map[string][]byte{"empty": {}, "newer": {2, 0xa0}, "no CBOR": {1, 0xff}, "cut": {1}} {
		if decodeRow(data, &row) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Rows that decode, encode to something that decodes to the same.
func FuzzParseRow(f *testing.F) {
	for i, r := range goldenRows() {
		row, err := encodeRow(r.row)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), row)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		blanks := func() []any {
			return []any{&projectRow{}, &work.Unit{}, &work.Group{}, &work.Datachunk{}, &Event{}, &work.Reputation{}, &beeRow{}, &quizRow{}}
		}
		n := int(kind) % len(blanks())
		v := blanks()[n]
		if decodeRow(data, v) != nil {
			return
		}
		first, err := wire.Marshal(v)
		if err != nil {
			return // a peer id that is none
		}
		again := blanks()[n]
		if err := wire.Unmarshal(first, again); err != nil {
			return // … which is not written either
		}
		second, err := wire.Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%x became %x, %v", first, second, err)
		}
	})
}
