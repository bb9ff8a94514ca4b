package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

func TestMarshalRoundTrip(t *testing.T) {
	for _, want := range []record{{Data: []byte{}}, sample(), {Count: 1<<64 - 1, Time: -1 << 63, Data: make([]byte, 1<<16)}} {
		data, err := Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got record
		if err := Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if again, err := Marshal(got); err != nil || !bytes.Equal(again, data) {
			t.Errorf("written again: %x, %v; at first %x", again, err, data)
		}
	}
}

func TestMarshalIsCanonical(t *testing.T) {
	first, err := Marshal(map[int]string{300: "c", 1: "a", -1: "d", 24: "b"})
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{0xa4, 0x01, 0x61, 'a', 0x18, 0x18, 0x61, 'b', 0x19, 0x01, 0x2c, 0x61, 'c', 0x20, 0x61, 'd'}
	if !bytes.Equal(first, want) {
		t.Errorf("keys in bytewise order, shortest integers: got %x, want %x", first, want)
	}
}

func TestUnmarshalIgnoresUnknownKeys(t *testing.T) {
	data, err := Marshal(map[int]any{1: 5, 2: "name", 99: []int{1, 2}, 100: map[int]int{1: 1}})
	if err != nil {
		t.Fatal(err)
	}
	var got record
	if err := Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, record{Count: 5, Name: "name"}) {
		t.Errorf("got %+v", got)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	nested := append(bytes.Repeat([]byte{0xa1, 0x06}, maxNesting+1), 0xa0)
	pairs := []byte{0xb8, maxPairs + 1}
	for key := range byte(maxPairs + 1) {
		pairs = append(pairs, 0x18, 0x80+key, 0x00)
	}
	elements := append([]byte{0xa1, 0x05, 0x9a, 0x00, 0x01, 0x00, 0x01}, make([]byte, maxElements+1)...)
	tests := map[string][]byte{
		"nothing":               {},
		"cut":                   {0xa1, 0x01},
		"trailing bytes":        {0xa1, 0x01, 0x05, 0x00},
		"a second item":         {0xa0, 0xa0},
		"duplicate key":         {0xa2, 0x01, 0x05, 0x01, 0x06},
		"duplicate unknown key": {0xa2, 0x18, 0x63, 0x05, 0x18, 0x63, 0x06},
		"indefinite map":        {0xbf, 0x01, 0x05, 0xff},
		"indefinite bytes":      {0xa1, 0x03, 0x5f, 0x41, 0x00, 0xff},
		"indefinite text":       {0xa1, 0x02, 0x7f, 0x61, 'a', 0xff},
		"indefinite array":      {0xa1, 0x05, 0x9f, 0x01, 0xff},
		"tag":                   {0xa1, 0x01, 0xc1, 0x05},
		"tag, unknown key":      {0xa1, 0x18, 0x63, 0xc1, 0x05},
		"bignum":                {0xa1, 0x01, 0xc2, 0x41, 0x05},
		"number too large":      {0xa1, 0x04, 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"negative count":        {0xa1, 0x01, 0x20},
		"bytes for text":        {0xa1, 0x02, 0x41, 'a'},
		"text for a number":     {0xa1, 0x01, 0x61, 'a'},
		"invalid UTF-8":         {0xa1, 0x02, 0x62, 0xff, 0xfe},
		"reserved length":       {0xa1, 0x01, 0x1c},
		"array for a record":    {0x81, 0x01},
		"nested too deep":       nested,
		"too many pairs":        pairs,
		"too many elements":     elements,
	}
	for name, data := range tests {
		var got record
		if err := Unmarshal(data, &got); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%s: %v, want ErrBadRequest", name, err)
		}
	}
}

func TestUnmarshalTakesWhatIsJustInBounds(t *testing.T) {
	pairs := []byte{0xb8, maxPairs}
	for key := range byte(maxPairs) {
		pairs = append(pairs, 0x18, 0x80+key, 0x00)
	}
	tests := map[string][]byte{
		"nested":   append(bytes.Repeat([]byte{0xa1, 0x06}, maxNesting-1), 0xa0),
		"pairs":    pairs,
		"elements": append([]byte{0xa1, 0x05, 0x9a, 0x00, 0x01, 0x00, 0x00}, make([]byte, maxElements)...),
	}
	for name, data := range tests {
		var got record
		if err := Unmarshal(data, &got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A peer ID is written as bytes. As text it would be taken as it stands, were it
// not asked whether it is one.
func TestUnmarshalChecksPeerIDs(t *testing.T) {
	type named struct {
		Peer peer.ID `cbor:"1,keyasint"`
	}
	for name, data := range map[string][]byte{
		"bytes": {0xa1, 0x01, 0x41, '0'},
		"text":  {0xa1, 0x01, 0x61, '0'},
	} {
		var got named
		if err := Unmarshal(data, &got); err == nil {
			t.Errorf("%s: %q was taken for a peer ID", name, got.Peer)
		}
	}
}
