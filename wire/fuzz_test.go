package wire

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"unicode/utf8"
)

const fuzzLimit = 1 << 12

func FuzzParseFrame(f *testing.F) {
	f.Add(golden(f, "frame"))
	f.Add(golden(f, "error"))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, payload, rest, err := ParseFrame(data, fuzzLimit)
		readKind, readPayload, readErr := ReadFrame(bytes.NewReader(data), fuzzLimit)
		if (err == nil) != (readErr == nil) {
			t.Fatalf("ParseFrame says %v, ReadFrame says %v", err, readErr)
		}
		if err != nil {
			return
		}
		if len(payload) > fuzzLimit {
			t.Fatalf("a payload of %d bytes passed", len(payload))
		}
		if readKind != kind || !bytes.Equal(readPayload, payload) {
			t.Fatalf("ParseFrame: %d %x, ReadFrame: %d %x", kind, payload, readKind, readPayload)
		}
		if again := append(AppendFrame(nil, kind, payload), rest...); !bytes.Equal(again, data) {
			t.Fatalf("%x is written again as %x", data, again)
		}
	})
}

// FuzzReadFrameOf holds what reads frames by kind to what reads them all.
func FuzzReadFrameOf(f *testing.F) {
	f.Add(golden(f, "frame"))
	f.Add(golden(f, "error"))
	f.Add(AppendFrame(nil, 200, make([]byte, 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		refused := errors.New("refused")
		limit := func(kind byte) (int, error) {
			if kind%7 == 0 {
				return 0, refused
			}
			return int(kind), nil
		}
		r := bytes.NewReader(data)
		kind, payload, err := ReadFrameOf(r, limit)
		most, limitErr := limit(kind)
		switch {
		case errors.Is(err, refused):
			if limitErr == nil || r.Len() != len(data)-FrameHeaderSize {
				t.Fatalf("kind %d is refused after %d bytes of %d", kind, len(data)-r.Len(), len(data))
			}
			return
		case len(data) < FrameHeaderSize:
			if !errors.Is(err, ErrShort) || kind != 0 {
				t.Fatalf("%x: kind %d, %v", data, kind, err)
			}
			return
		}
		wantKind, want, rest, wantErr := ParseFrame(data, most)
		if (err == nil) != (wantErr == nil) || err == nil && (kind != wantKind || !bytes.Equal(payload, want) || r.Len() != len(rest)) {
			t.Fatalf("%x: kind %d, %x, %v; as a whole: kind %d, %x, %v", data, kind, payload, err, wantKind, want, wantErr)
		}
	})
}

func FuzzUnmarshalRecord(f *testing.F) {
	data, err := Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second record
		if err := Unmarshal(data, &first); err != nil {
			if !errors.Is(err, ErrBadRequest) {
				t.Fatalf("%v is no ErrBadRequest", err)
			}
			return
		}
		once, err := Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := Unmarshal(once, &second); err != nil {
			t.Fatalf("%x was read, its own writing %x is not: %v", data, once, err)
		}
		if twice, err := Marshal(second); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("not stable: %x, then %x, %v", once, twice, err)
		}
	})
}

func FuzzUnmarshalSigned(f *testing.F) {
	domain := Domain{Kind: "offer", Mesh: "main"}
	pub := testKey(7).Public().(ed25519.PublicKey)
	f.Add(golden(f, "signed"))
	want := golden(f, "signed")
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Signed
		if Unmarshal(data, &s) != nil {
			return
		}
		var body record
		if s.Open(pub, domain, &body) == nil {
			once, err := Marshal(s)
			if err != nil || !bytes.Equal(once, want) {
				t.Fatalf("a record that was never signed verifies: %x, %v", data, err)
			}
		}
	})
}

func FuzzReadError(f *testing.F) {
	f.Add(golden(f, "error")[FrameHeaderSize:])
	f.Fuzz(func(t *testing.T, data []byte) {
		err := ReadError(data)
		if err == nil {
			t.Fatal("no error")
		}
		var e *Error
		if !errors.As(err, &e) {
			return
		}
		if !utf8.ValidString(e.Error()) || len(e.Message) > maxErrorText {
			t.Fatalf("text of %d bytes: %q", len(e.Message), e.Message)
		}
		if errors.Is(err, ErrBadRequest) {
			return
		}
		if again := send(t, err); !errors.Is(again, e) || again.Error() != e.Error() {
			t.Fatalf("%q passed on arrives as %q", err, again)
		}
	})
}
