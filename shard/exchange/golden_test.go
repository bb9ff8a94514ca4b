package exchange

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

var update = flag.Bool("update", false, "write the golden files")

// sample is one message of each kind, with every field set.
type sample struct {
	name    string
	kind    byte
	message any
}

func signed(b byte) wire.Signed {
	return wire.Signed{Body: []byte{0xa1, 0x01, b}, Sig: bytes.Repeat([]byte{b}, 64)}
}

var samples = []sample{
	{"ask", opAsk, &askMessage{Bytes: 1 << 33, Lease: 5_184_000}},
	{"room", ansRoom, &roomMessage{Takes: true, Free: 1 << 40}},
	{"room-full", ansRoom, &roomMessage{Free: 7, Why: wire.ErrFull}},
	{"offer", opOffer, &offerMessage{Grant: signed(1), Offer: signed(2)}},
	{"ready", ansReady, &readyMessage{Offset: 65536}},
	{"done", ansDone, &receiptMessage{Receipt: signed(3)}},
	{"receipt", ansReceipt, &receiptMessage{Receipt: signed(3)}},
	{"fetch", opFetch, &fetchMessage{Shard: shard.ID{1, 31: 2}, Offset: 9}},
	{"fetch-range", opFetch, &fetchMessage{Shard: shard.ID{1, 31: 2}, Offset: 9, Length: 70_000}},
	{"bytes", ansBytes, &bytesMessage{Length: 70_000, Total: 2 << 20}},
	{"list", opList, &orderMessage{Grant: signed(1), Order: signed(4)}},
	{"held", ansHeld, &heldMessage{Rows: []shard.Held{
		{Shard: shard.ID{1}, Segment: 2, Index: 3, Length: 4, LeaseEnd: 1_800_000_000}}, Next: []byte("next")}},
	{"delete", opDelete, &orderMessage{Grant: signed(1), Order: signed(5)}},
	{"deleted", ansDeleted, &deletedMessage{Shards: 20}},
	{"reject", wire.KindError, wire.ErrInProgress},
}

// The formats are for years: these bytes may never change.
func TestGolden(t *testing.T) {
	for _, s := range samples {
		var got bytes.Buffer
		if err := wire.WriteMessage(&got, s.kind, s.message); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "v1", s.name+".hex")
		if *update {
			if err := os.WriteFile(path, []byte(hex.EncodeToString(got.Bytes())+"\n"), 0o644); err != nil {
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
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s is written as\n%x, want\n%x", s.name, got.Bytes(), want)
		}
		_, payload, _, err := wire.ParseFrame(want, maxHeld)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(s.message).Elem()).Interface()
		if err := wire.Unmarshal(payload, back); err != nil || !reflect.DeepEqual(back, s.message) {
			t.Errorf("%s reads back as %+v, %v", s.name, back, err)
		}
	}
}

// A newer peer's fields are ignored, in every message.
func TestUnknownFields(t *testing.T) {
	for _, s := range samples {
		plain, err := wire.Marshal(s.message)
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
		back := reflect.New(reflect.TypeOf(s.message).Elem()).Interface()
		if err := wire.Unmarshal(more, back); err != nil || !reflect.DeepEqual(back, s.message) {
			t.Errorf("%s with unknown fields reads as %+v, %v", s.name, back, err)
		}
	}
}

// The largest answers fit the limits that their readers set.
func TestLimitsFit(t *testing.T) {
	rows := make([]shard.Held, maxRows)
	for i := range rows {
		rows[i] = shard.Held{Segment: shard.MaxSegments - 1, Index: 254, Length: shard.MaxShardLength, LeaseEnd: 1 << 40}
	}
	big := wire.Signed{Body: make([]byte, 320), Sig: make([]byte, 64)}
	for _, s := range []struct {
		message any
		limit   int
	}{
		{heldMessage{rows, make([]byte, maxCursor)}, maxHeld},
		{offerMessage{big, big, true}, maxRequest},
		{orderMessage{big, big}, maxRequest},
		{receiptMessage{big}, maxAnswer},
		{roomMessage{Free: 1 << 62, Why: wire.ErrFull.With("%s", strings.Repeat("x", 512))}, maxAnswer},
	} {
		if data, err := wire.Marshal(s.message); err != nil || len(data) > s.limit {
			t.Errorf("%T takes %d bytes, limit %d: %v", s.message, len(data), s.limit, err)
		}
	}
}
