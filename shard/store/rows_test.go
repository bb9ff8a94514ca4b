package store

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// goldenRows are rows of version 1 as they lie on disks.
var goldenRows = []struct {
	row  any
	text string
}{
	{&counters{Used: 1 << 40, Shards: 7}, "01a2011b00000100000000000207"},
	{&fileRow{Length: 65536, Leases: 2, Since: 1_800_000_000}, "01a3011a000100000202031a6b49d200"},
	{&fileRow{Length: 1, Leases: 2, Since: 3, Time: 1_800_000_000_000_000_001}, "01a40101020203030" + "41b18fae27693b40001"},
	{&leaseRow{End: 1_800_000_000, Peer: []byte("\x00\x01x"), Places: []place{{Segment: 9, Index: 255}}}, "01a3011a6b49d200024300017803" + "81a201090218ff"},
	{&counters{Used: 1, Shards: 2, Places: 3}, "01a3010102020303"},
	{&leaseRow{End: 5, Peer: []byte("x"), Places: []place{{1, 2}}, Network: []byte{192, 0, 2, 0, 24}, Draft: 6, Trash: 7}, "01a60105024178" + "0381a201010202" + "0445c000020018" + "0506" + "0607"},
	{&placeRow{Length: 5, Offer: wire.Signed{Body: []byte{1}, Sig: []byte{2}}}, "01a2010502a20141010241" + "02"},
	{&ownerRow{Locator: shard.Locator{1}, Grant: wire.Signed{Body: []byte{1}, Sig: []byte{2}}, Leases: 3}, "01a301582001" + zeros(31) + "02a201410102410203" + "03"},
	{&spentRow{Bytes: 99}, "01a1011863"},
	{&tombRow{Until: -1}, "01a10120"},
	{&doomedRow{Length: 1}, "01a10101"},
	{&intentRow{Shard: shard.ID{7}, Admin: []byte{8}, Peer: []byte("\x00\x01x"), Length: 3, Since: 4}, "01a501582007" + zeros(31) + "0241080343000178" + "04030504"},
	{&formatRow{Format: 1}, "01a10101"},
	{&counters{Used: 1, Shards: 2, Places: 3, Notes: 4}, "01a40101020203030404"},
	{&ownerRow{Grant: wire.Signed{Body: []byte{1}, Sig: []byte{2}}, Notes: 5}, "01a4015820" + zeros(32) + "02a2014101024102" + "0300" + "0405"},
	{&noteRow{Seq: 1 << 40, Length: 9, Sum: shard.Digest{3}, End: 5, Time: 4, Peer: []byte("x"), Network: []byte{192, 0, 2, 0, 24}, Note: wire.Signed{Body: []byte{1}, Sig: []byte{2}}}, "01a8011b00000100000000000209" + "03582003" + zeros(31) + "04050504" + "064178" + "0745c000020018" + "08a2014101024102"},
	{&noteRow{Seq: 1, End: 2, Time: 3, Note: wire.Signed{Body: []byte{1}, Sig: []byte{2}}, Trash: 7}, "01a80101" + "0200" + "035820" + zeros(32) + "0402" + "0503" + "06f6" + "08a2014101024102" + "0907"},
	{&blobRow{Blob: []byte{7, 8}}, "01a101420708"},
	{&badRow{Length: 1, Since: 2}, "01a201010202"},
	{&scrubRow{Due: 3}, "01a10103"},
	{&scrubRow{Due: 3, After: []byte{9}}, "01a20103024109"},
}

func zeros(n int) string { return hex.EncodeToString(make([]byte, n)) }

func TestRowsAreAsTheyWere(t *testing.T) {
	for _, golden := range goldenRows {
		data, err := encodeRow(golden.row)
		if err != nil || hex.EncodeToString(data) != golden.text {
			t.Errorf("%T is %x, was %s: %v", golden.row, data, golden.text, err)
		}
		old, err := hex.DecodeString(golden.text)
		if err != nil {
			t.Fatal(err)
		}
		into := reflect.New(reflect.TypeOf(golden.row).Elem()).Interface()
		if err := decodeRow(old, into); err != nil || !reflect.DeepEqual(into, golden.row) {
			t.Errorf("%T reads as %+v, was %+v: %v", golden.row, into, golden.row, err)
		}
	}
}

func TestRowsOfOtherVersions(t *testing.T) {
	var row fileRow
	for _, data := range [][]byte{nil, {}, {2, 0xa0}, {0, 0xa0}, {1}, {1, 0xa0, 0xa0}} {
		if err := decodeRow(data, &row); err == nil {
			t.Errorf("%x was read", data)
		}
	}
	if err := decodeRow([]byte{1, 0xa1, 0x18, 99, 0x01}, &row); err != nil {
		t.Errorf("a key of a later version: %v", err)
	}
}

// FuzzRow reads any bytes as every kind of row: what is accepted must survive
// being written and read again.
func FuzzRow(f *testing.F) {
	for kind, golden := range goldenRows {
		data, err := hex.DecodeString(golden.text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(kind), data)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		form := reflect.TypeOf(goldenRows[int(kind)%len(goldenRows)].row).Elem()
		row, again := reflect.New(form).Interface(), reflect.New(form).Interface()
		if decodeRow(data, row) != nil {
			return
		}
		written, err := encodeRow(row)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", row, err)
		}
		if err := decodeRow(written, again); err != nil {
			t.Fatalf("%x was written and cannot be read: %v", written, err)
		}
		rewritten, err := encodeRow(again)
		if err != nil || !bytes.Equal(written, rewritten) {
			t.Fatalf("%x became %x: %v", written, rewritten, err)
		}
	})
}

// FuzzPlace reads any bytes as the cursor of LIST.
func FuzzPlace(f *testing.F) {
	f.Add(make([]byte, placeTail))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, tail []byte) {
		at, id, err := parsePlace(tail)
		if err != nil {
			return
		}
		owner := admin{1}
		if got := placeKey(owner, at, id); !bytes.Equal(got[len(keyPlace)+len(owner):], tail) {
			t.Fatalf("%x became %x", tail, got)
		}
	})
}
