package wire

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
)

func TestSignAndOpen(t *testing.T) {
	key := testKey(1)
	domain := Domain{Kind: "offer", Mesh: "main"}
	signed, err := Sign(key, domain, sample())
	if err != nil {
		t.Fatal(err)
	}
	var got record
	if err := signed.Open(key.Public().(ed25519.PublicKey), domain, &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != sample().Name || got.Inner == nil {
		t.Errorf("opened as %+v", got)
	}
}

// Every way to take a signature for something it does not say.
func TestVerifyRefuses(t *testing.T) {
	key := testKey(1)
	pub := key.Public().(ed25519.PublicKey)
	domain := Domain{Kind: "offer", Mesh: "main"}
	signed, err := Sign(key, domain, record{Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Sign(key, domain, record{Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		signed Signed
		pub    ed25519.PublicKey
		domain Domain
	}{
		{"another kind", signed, pub, Domain{"grant", "main"}},
		{"another mesh", signed, pub, Domain{"offer", "test"}},
		{"no mesh", signed, pub, Domain{"offer", ""}},
		{"mesh moved into kind", signed, pub, Domain{"offer/1\x00main", ""}},
		{"end of mesh moved into body", Signed{append([]byte("n"), signed.Body...), signed.Sig}, pub, Domain{"offer", "mai"}},
		{"all of mesh moved into body", Signed{append([]byte("main"), signed.Body...), signed.Sig}, pub, Domain{"offer", ""}},
		{"body moved into mesh", Signed{signed.Body[1:], signed.Sig}, pub, Domain{"offer", "main" + string(signed.Body[:1])}},
		{"another body", Signed{other.Body, signed.Sig}, pub, domain},
		{"another signature", Signed{signed.Body, other.Sig}, pub, domain},
		{"byte after the body", Signed{append(signed.Body[:len(signed.Body):len(signed.Body)], 0), signed.Sig}, pub, domain},
		{"no body", Signed{nil, signed.Sig}, pub, domain},
		{"no signature", Signed{signed.Body, nil}, pub, domain},
		{"signature cut", Signed{signed.Body, signed.Sig[:63]}, pub, domain},
		{"signature too long", Signed{signed.Body, append(signed.Sig[:64:64], 0)}, pub, domain},
		{"another key", signed, testKey(2).Public().(ed25519.PublicKey), domain},
		{"no key", signed, nil, domain},
		{"key cut", signed, pub[:31], domain},
	}
	for _, test := range tests {
		if err := test.signed.Verify(test.pub, test.domain); !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s: Verify: %v, want ErrBadSignature", test.name, err)
		}
		var got record
		if err := test.signed.Open(test.pub, test.domain, &got); !errors.Is(err, ErrBadSignature) || got.Count != 0 {
			t.Errorf("%s: Open: %v, decoded %+v", test.name, err, got)
		}
	}
	if err := signed.Verify(pub, domain); err != nil {
		t.Errorf("the untouched record: %v", err)
	}
}

func TestVerifyEveryBitCounts(t *testing.T) {
	key := testKey(3)
	pub := key.Public().(ed25519.PublicKey)
	domain := Domain{Kind: "receipt", Mesh: "main"}
	signed, err := Sign(key, domain, record{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{signed.Body, signed.Sig} {
		for i := range 8 * len(part) {
			part[i/8] ^= 1 << (i % 8)
			if signed.Verify(pub, domain) == nil {
				t.Errorf("bit %d of %d bytes may be flipped", i, len(part))
			}
			part[i/8] ^= 1 << (i % 8)
		}
	}
}

// A body that is signed and still no record of the type asked for.
func TestOpenReportsABadBody(t *testing.T) {
	key := testKey(1)
	domain := Domain{Kind: "offer", Mesh: "main"}
	signed, err := Sign(key, domain, map[int]string{1: "text where a number belongs"})
	if err != nil {
		t.Fatal(err)
	}
	var got record
	if err := signed.Open(key.Public().(ed25519.PublicKey), domain, &got); !errors.Is(err, ErrBadRequest) {
		t.Errorf("got %v, want ErrBadRequest", err)
	}
}

func TestSignTakesRecordsOnly(t *testing.T) {
	for _, body := range []any{"text", 5, []int{1}, nil, func() {}} {
		if _, err := Sign(testKey(1), Domain{"offer", "main"}, body); err == nil {
			t.Errorf("a %T was signed", body)
		}
	}
}

func TestValidMesh(t *testing.T) {
	for _, name := range []string{"main", "a", "0", "my-mesh-2", strings.Repeat("z", 32)} {
		if err := ValidMesh(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "Main", "a b", "a/b", "a\x00", "mäin", "main\n", "a.b", "a_b", strings.Repeat("z", 33)} {
		if ValidMesh(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
}
