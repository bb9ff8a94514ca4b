package shard

import (
	"encoding"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"pgregory.net/rapid"
)

func TestIDText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := Sum(rapid.SliceOf(rapid.Byte()).Draw(t, "shard"))
		got, err := ParseID(id.String())
		if err != nil || got != id {
			t.Fatalf("%s reads as %s, %v", id, got, err)
		}
		file := FileID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "file"))
		back, err := ParseFileID(file.String())
		if err != nil || back != file || len(file.String()) != 26 {
			t.Fatalf("%s reads as %s, %v", file, back, err)
		}
	})
}

func TestParseIDRefuses(t *testing.T) {
	good := Sum(nil)
	other := good.String()
	spare := other[:len(other)-1] + string(other[len(other)-1]+1) // the last character's low bits are padding
	for name, text := range map[string]string{
		"empty":         "",
		"short":         other[:58],
		"long":          other + "a",
		"upper case":    "B" + strings.ToUpper(other[1:]),
		"padding bits":  spare,
		"another base":  "f" + strings.Repeat("0", 58),
		"dag-pb":        cid.NewCidV1(cid.DagProtobuf, good.Cid().Hash()).String(),
		"sha256":        "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
		"CIDv0":         "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
		"path":          "/ipfs/" + other[:53],
		"not base32":    "b" + strings.Repeat("1", 58),
		"very long":     strings.Repeat("b", 1<<20),
		"leading space": " " + other[:58],
	} {
		if id, err := ParseID(text); err == nil {
			t.Errorf("%s: %.80q reads as %s", name, text, id)
		}
	}
}

func TestParseFileIDRefuses(t *testing.T) {
	good := fixedFile().String()
	for name, text := range map[string]string{
		"empty":        "",
		"short":        good[:25],
		"long":         good + "a",
		"upper case":   strings.ToUpper(good),
		"padding bits": good[:25] + "b",
		"digit 1":      "1" + good[1:],
		"padding":      good[:24] + "==",
		"newline":      good[:13] + "\n" + good[13:],
	} {
		if id, err := ParseFileID(text); err == nil {
			t.Errorf("%s: %q reads as %s", name, text, id)
		}
	}
}

func TestUnmarshalBinaryTakesItsLengthOnly(t *testing.T) {
	for name, into := range map[string]struct {
		v encoding.BinaryUnmarshaler
		n int
	}{
		"id": {new(ID), 32}, "file id": {new(FileID), 16}, "locator": {new(Locator), 32},
		"digest": {new(Digest), 32}, "nonce": {new(Nonce), 12},
	} {
		for n := range 70 {
			if err := into.v.UnmarshalBinary(make([]byte, n)); (err == nil) != (n == into.n) {
				t.Errorf("%s of %d bytes: %v", name, n, err)
			}
		}
	}
}

func TestLogValueIsShort(t *testing.T) {
	id, l := Sum(nil), fixedFile().Locator()
	if got := id.LogValue().String(); len(got) > 20 || !strings.HasPrefix(id.String(), strings.TrimSuffix(got, "…")) {
		t.Errorf("id is logged as %q", got)
	}
	if got := l.LogValue().String(); len(got) > 20 || !strings.HasPrefix(l.String(), strings.TrimSuffix(got, "…")) {
		t.Errorf("locator is logged as %q", got)
	}
}
