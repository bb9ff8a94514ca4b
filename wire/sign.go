package wire

import (
	"crypto/ed25519"
	"fmt"
	"regexp"
)

// Domain keeps a signature from being taken for another: of another kind of
// record, or made in another mesh.
type Domain struct {
	Kind string // "grant", "offer", …: a constant of the part that signs
	Mesh string // see [ValidMesh]
}

var meshName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// ValidMesh returns an error unless name can name a mesh: 1 to 32 of a–z, 0–9
// and "-".
func ValidMesh(name string) error {
	if !meshName.MatchString(name) {
		return fmt.Errorf("mesh name %q: 1 to 32 of a-z, 0-9 and - are allowed", name)
	}
	return nil
}

// Signed is a record as it travels: the CBOR body, and the Ed25519 signature
// over it. Whose key it must be is for the reader to know.
type Signed struct {
	Body []byte `cbor:"1,keyasint"`
	Sig  []byte `cbor:"2,keyasint"`
}

// Sign encodes body and signs it in domain d. The body must be a struct or a
// map: what starts a CBOR map cannot belong to the name of a mesh.
func Sign(key ed25519.PrivateKey, d Domain, body any) (Signed, error) {
	data, err := Marshal(body)
	if err != nil {
		return Signed{}, fmt.Errorf("sign %s: %w", d.Kind, err)
	}
	if !isMap(data) {
		return Signed{}, fmt.Errorf("sign %s: a body of type %T is no record", d.Kind, body)
	}
	return Signed{Body: data, Sig: ed25519.Sign(key, d.Covered(data))}, nil
}

// Verify returns [ErrBadSignature], wrapped, unless the holder of pub signed s
// in domain d.
func (s Signed) Verify(pub ed25519.PublicKey, d Domain) error {
	if len(pub) != ed25519.PublicKeySize || !isMap(s.Body) || !ed25519.Verify(pub, d.Covered(s.Body), s.Sig) {
		return fmt.Errorf("%s: %w", d.Kind, ErrBadSignature)
	}
	return nil
}

// isMap reports whether data starts as a CBOR map does (major type 5).
func isMap(data []byte) bool { return len(data) > 0 && data[0]>>5 == 5 }

// Open verifies s as [Signed.Verify] does and only then decodes its body.
func (s Signed) Open(pub ed25519.PublicKey, d Domain, into any) error {
	if err := s.Verify(pub, d); err != nil {
		return err
	}
	if err := Unmarshal(s.Body, into); err != nil {
		return fmt.Errorf("%s: %w", d.Kind, err)
	}
	return nil
}

// Covered returns the bytes that a signature over body covers, for those whose
// keys are elsewhere.
func (d Domain) Covered(body []byte) []byte {
	buf := make([]byte, 0, len("batchain//1")+len(d.Kind)+1+len(d.Mesh)+len(body))
	buf = append(buf, "batchain/"...)
	buf = append(buf, d.Kind...)
	buf = append(buf, "/1\x00"...)
	buf = append(buf, d.Mesh...)
	return append(buf, body...)
}
