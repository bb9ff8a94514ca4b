package devices

import (
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// pair is who meets on a stream, as the connection says it, not as they do.
type pair struct {
	key      key
	mesh     string
	opener   peer.ID
	answerer peer.ID
}

// side is one of a pair. Append only.
type side uint8

const (
	sideOpener side = iota + 1
	sideAnswerer
)

// claim is what a proof covers: that the side has the key, now, towards this very
// peer, and for this purpose.
type claim struct {
	Side          side    `cbor:"1,keyasint"`
	Mesh          string  `cbor:"2,keyasint"`
	Opener        peer.ID `cbor:"3,keyasint"`
	Answerer      peer.ID `cbor:"4,keyasint"`
	OpenerNonce   []byte  `cbor:"5,keyasint"`
	AnswererNonce []byte  `cbor:"6,keyasint"`
	Purpose       purpose `cbor:"7,keyasint,omitempty"` // the opener's
}

func (p pair) proof(s side, why purpose, opener, answerer []byte) []byte {
	return p.key.mac(forProof, claim{s, p.mesh, p.opener, p.answerer, opener, answerer, why})
}

// open proves itself and demands proof, as the opener: [wire.ErrBadSignature] when
// the other side is no device.
func (p pair) open(rw io.ReadWriter, why purpose) error {
	nonce := newNonce()
	if err := wire.WriteMessage(rw, kindHello, helloMessage{nonce}); err != nil {
		return err
	}
	payload, err := expect(rw, kindAnswer, maxProving)
	if err != nil {
		return err
	}
	m, err := parseAnswer(payload)
	if err != nil {
		return err
	}
	if !hmac.Equal(m.Proof, p.proof(sideAnswerer, 0, nonce, m.Nonce)) {
		return fmt.Errorf("%s is no device of ours: %w", p.answerer, wire.ErrBadSignature)
	}
	return wire.WriteMessage(rw, kindProof, proofMessage{why, p.proof(sideOpener, why, nonce, m.Nonce)})
}

// answer is open for the other side. It returns what the opener wants.
func (p pair) answer(rw io.ReadWriter) (purpose, error) {
	payload, err := expect(rw, kindHello, maxProving)
	if err != nil {
		return 0, err
	}
	hello, err := parseHello(payload)
	if err != nil {
		return 0, err
	}
	nonce := newNonce()
	if err := wire.WriteMessage(rw, kindAnswer, answerMessage{nonce, p.proof(sideAnswerer, 0, hello.Nonce, nonce)}); err != nil {
		return 0, err
	}
	if payload, err = expect(rw, kindProof, maxProving); err != nil {
		return 0, err
	}
	m, err := parseProof(payload)
	if err != nil {
		return 0, err
	}
	if !hmac.Equal(m.Proof, p.proof(sideOpener, m.Purpose, hello.Nonce, nonce)) {
		return 0, fmt.Errorf("%s is no device of ours: %w", p.opener, wire.ErrBadSignature)
	}
	return m.Purpose, nil
}

func newNonce() []byte {
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	return nonce
}

// expect reads a frame of a kind.
func expect(r io.Reader, kind byte, limit int) ([]byte, error) {
	got, payload, err := wire.ReadFrame(r, max(limit, wire.MaxErrorSize))
	switch {
	case err != nil:
		return nil, err
	case got == wire.KindError:
		return nil, wire.ReadError(payload)
	case got != kind:
		return nil, wire.ErrBadRequest.With("a frame of kind %d instead of %d", got, kind)
	}
	return payload, nil
}
