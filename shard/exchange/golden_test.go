package exchange

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

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

// somebody is the peer whose Ed25519 key is 32 bytes of 1.
var somebody = peer.ID("\x00\x24\x08\x01\x12\x20" + strings.Repeat("\x01", 32))

var samples = []sample{
	{"ask", opAsk, &askMessage{Bytes: 1 << 33, Lease: 5_184_000}},
	{"room", ansRoom, &roomMessage{Takes: true, Free: 1 << 40}},
	{"room-full", ansRoom, &roomMessage{Free: 7, Why: wire.ErrFull}},
	{"offer", opOffer, &offerMessage{Grant: signed(1), Offer: signed(2)}},
	{"offer-draft", opOffer, &offerMessage{Grant: signed(1), Offer: signed(2), Draft: true}},
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
	{"audit", opAudit, &orderMessage{Grant: signed(1), Order: signed(6)}},
	{"proof", ansProof, &proofMessage{Slices: []uint32{0, 9, shard.MaxSlice}}},
	{"renew", opRenew, &orderMessage{Grant: signed(1), Order: signed(7)}},
	{"renewed", ansRenewed, &renewedMessage{Receipts: []wire.Signed{signed(3), signed(8)}, Next: []byte("next")}},
	{"note-put", opNotePut, &noteMessage{Grant: signed(1), Note: signed(9)}},
	{"kept", ansKept, &receiptMessage{Receipt: signed(10)}},
	{"note-get", opNoteGet, &noteGetMessage{Locator: shard.Locator{1, 31: 2}}},
	{"notes", ansNotes, &notesMessage{Notes: []noteMessage{{signed(1), signed(9)}, {signed(1), signed(11)}}}},
	{"keep", opKeep, &keepMessage{Charge: shard.Charge{Grant: signed(1), Repair: bytes.Repeat([]byte{12}, 32),
		Keepers: []peer.ID{somebody}, Manifest: 45_000_000, Until: 1_900_000_000}}},
	{"charged", ansCharged, &chargedMessage{}},
	{"turn", opTurn, &orderMessage{Grant: signed(1), Order: signed(13)}},
	{"turned", ansTurned, &turnedMessage{Turn: shard.Turn{Working: true, Checked: 1_800_000_000, Margin: -1, Keepers: []peer.ID{somebody}}}},
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
	keepers := make([]peer.ID, shard.MaxKeepers)
	for i := range keepers {
		keepers[i] = somebody
	}
	most := shard.Order{Host: somebody, NotAfter: 1 << 40, Lease: 1 << 31, Cursor: make([]byte, maxCursor)}
	for range shard.MaxPicks {
		most.Picks = append(most.Picks, shard.Pick{Leaf: shard.MaxShardLength / shard.LeafSize})
		most.Spots = append(most.Spots, shard.Spot{Segment: shard.MaxSegments - 1, Index: 254})
	}
	audit, renew := most, most
	audit.Spots, renew.Picks = nil, nil
	full := func(o shard.Order) wire.Signed {
		body, err := wire.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return wire.Signed{Body: body, Sig: make([]byte, 64)}
	}
	notes := make([]noteMessage, shard.MaxWriters)
	for i := range notes {
		notes[i] = noteMessage{big, wire.Signed{Body: make([]byte, maxRequest-500), Sig: make([]byte, 64)}}
	}
	for _, s := range []struct {
		message any
		limit   int
	}{
		{heldMessage{rows, make([]byte, maxCursor)}, maxHeld},
		{offerMessage{big, big, true}, maxRequest},
		{orderMessage{big, big}, maxRequest},
		{orderMessage{big, full(audit)}, maxRequest},
		{orderMessage{big, full(renew)}, maxRequest},
		{proofMessage{slices.Repeat([]uint32{shard.MaxSlice}, shard.MaxPicks)}, maxAnswer},
		{renewedMessage{slices.Repeat([]wire.Signed{big}, maxRenewed), make([]byte, maxCursor)}, maxHeld},
		{noteMessage{big, big}, maxRequest},
		{notesMessage{notes}, maxHeld},
		{keepMessage{shard.Charge{Grant: big, Repair: make([]byte, 32), Keepers: keepers, Manifest: 1 << 40, Until: 1 << 40}}, maxRequest},
		{turnedMessage{shard.Turn{Checked: 1 << 40, Margin: 255, Keepers: keepers}}, maxAnswer},
		{receiptMessage{big}, maxAnswer},
		{roomMessage{Free: 1 << 62, Why: wire.ErrFull.With("%s", strings.Repeat("x", 512))}, maxAnswer},
	} {
		if data, err := wire.Marshal(s.message); err != nil || len(data) > s.limit {
			t.Errorf("%T takes %d bytes, limit %d: %v", s.message, len(data), s.limit, err)
		}
	}
}
