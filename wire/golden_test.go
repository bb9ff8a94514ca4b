package wire

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// record has one field of every type that records are made of.
type record struct {
	Count uint64   `cbor:"1,keyasint"`
	Name  string   `cbor:"2,keyasint"`
	Data  []byte   `cbor:"3,keyasint"`
	Time  int64    `cbor:"4,keyasint"`
	List  []uint32 `cbor:"5,keyasint,omitempty"`
	Inner *record  `cbor:"6,keyasint,omitempty"`
	On    bool     `cbor:"7,keyasint,omitempty"`
}

// sample is what the golden files hold.
func sample() record {
	return record{Count: 1 << 40, Name: "bät", Data: []byte{0, 1, 255}, Time: -2, List: []uint32{23, 24, 256}, Inner: &record{On: true}}
}

// testKey is an Ed25519 key whose seed is 32 times n.
func testKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// golden reads testdata/v1/NAME.hex: hexadecimal bytes, spaces and lines as the
// writer liked, comments after "#". These files never change: what version 1
// wrote must be read for ever.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	data, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

func TestGoldenFrame(t *testing.T) {
	want := golden(t, "frame")
	var w countingWriter
	if err := WriteMessage(&w, 7, sample()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.Bytes(), want) {
		t.Errorf("the frame is written as\n%x, version 1 is\n%x", w.Bytes(), want)
	}
	kind, payload, err := ReadFrame(bytes.NewReader(want), 1<<10)
	if err != nil || kind != 7 {
		t.Fatalf("kind %d, %v", kind, err)
	}
	var got record
	if err := Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "bät" || got.Count != 1<<40 || got.Time != -2 || len(got.List) != 3 || got.Inner == nil || !got.Inner.On {
		t.Errorf("read back as %+v", got)
	}
}

func TestGoldenSigned(t *testing.T) {
	want := golden(t, "signed")
	domain := Domain{Kind: "offer", Mesh: "main"}
	signed, err := Sign(testKey(7), domain, sample())
	if err != nil {
		t.Fatal(err)
	}
	data, err := Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, want) {
		t.Errorf("the signed record is written as\n%x, version 1 is\n%x", data, want)
	}
	var read Signed
	if err := Unmarshal(want, &read); err != nil {
		t.Fatal(err)
	}
	var body record
	if err := read.Open(testKey(7).Public().(ed25519.PublicKey), domain, &body); err != nil {
		t.Fatal(err)
	}
	if body.Count != 1<<40 || body.Name != "bät" {
		t.Errorf("read back as %+v", body)
	}
}

func TestGoldenError(t *testing.T) {
	want := golden(t, "error")
	var w countingWriter
	if err := WriteError(&w, ErrFull.With("12 bytes free")); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.Bytes(), want) {
		t.Errorf("the error is written as\n%x, version 1 is\n%x", w.Bytes(), want)
	}
}

// The codes are on other machines' disks and in their programs.
func TestGoldenCodes(t *testing.T) {
	for code, err := range map[Code]*Error{
		1: ErrInternal, 2: ErrBadRequest, 3: ErrUnsupported, 4: ErrBadSignature, 5: ErrExpired, 6: ErrFull, 7: ErrQuota,
		8: ErrTooBig, 9: ErrBusy, 10: ErrInProgress, 11: ErrDeleted, 12: ErrNotFound, 13: ErrDamaged, 14: ErrTimeout,
	} {
		if err.Code != code || err.Message == "" {
			t.Errorf("code %d is now %d %q", code, err.Code, err.Message)
		}
	}
}
