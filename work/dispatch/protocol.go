package dispatch

import (
	"crypto/ed25519"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// Version is the version in the protocol id. Its first number changes when one
// end must not misread what it would otherwise ignore.
const Version = "1.0.0"

// ProtocolID returns the id under which the hives of a mesh serve.
func ProtocolID(mesh string) protocol.ID {
	return protocol.ID(fmt.Sprintf("/batchain/%s/work/%s", mesh, Version))
}

// The operations: kinds of request frames, 1 to 127. Append only.
const (
	opHello   byte = 1
	opProve   byte = 2
	opRequest byte = 3
	opSubmit  byte = 4
	opBeat    byte = 5
	opModule  byte = 6
)

// The kinds of answer frames, 128 to 255. Append only. Kind 0 is an error.
const (
	ansWelcome  byte = 129 // to HELLO and PROVE
	ansWork     byte = 130 // to REQUEST
	ansVerdicts byte = 131 // to SUBMIT
	ansOrders   byte = 132 // to BEAT
	ansModule   byte = 133 // to MODULE: raw bytes follow
)

// Every length that a peer may declare, checked before anything is allocated.
const (
	maxSmall  = 1 << 10 // payload of HELLO, PROVE, MODULE, WELCOME and their like
	maxWish   = 16 << 10
	maxBeats  = 16 << 10
	maxSubmit = 3 << 20
	maxWork   = 3 << 20
	// MaxModule is the most bytes of a module.
	MaxModule = 64 << 20
)

type (
	helloMessage struct {
		Owner []byte       `cbor:"1,keyasint,omitempty"` // Ed25519 key of the bee's owner
		Claim *wire.Signed `cbor:"2,keyasint,omitempty"` // by that key, kind "owner": {1 bee}
	}
	proveMessage struct {
		Proof work.Proof   `cbor:"1,keyasint"`
		Hello helloMessage `cbor:"2,keyasint"`
	}
	welcomeMessage struct {
		Until     int64           `cbor:"1,keyasint"` // Unix milliseconds; 0: not admitted
		Challenge *work.Challenge `cbor:"2,keyasint,omitempty"`
	}
	submitMessage struct {
		Results []work.Result `cbor:"1,keyasint"`
	}
	verdictsMessage struct {
		Codes []wire.Code `cbor:"1,keyasint"` // 0: taken
	}
	beatMessage struct {
		Beats []work.Beat `cbor:"1,keyasint"`
	}
	ordersMessage struct {
		Orders []work.Order `cbor:"1,keyasint"`
	}
	moduleMessage struct {
		Hash []byte `cbor:"1,keyasint"` // SHA-256
	}
	bytesMessage struct {
		Length uint32 `cbor:"1,keyasint"`
	}
	// ownerClaim says whose bee a peer is; the owner's key signs it.
	ownerClaim struct {
		Bee peer.ID `cbor:"1,keyasint"`
	}
)

func ownerDomain(mesh string) wire.Domain { return wire.Domain{Kind: "work-owner", Mesh: mesh} }

// claim signs that bee belongs to the person who has key.
func claim(key ed25519.PrivateKey, mesh string, bee peer.ID) (helloMessage, error) {
	if key == nil {
		return helloMessage{}, nil
	}
	signed, err := wire.Sign(key, ownerDomain(mesh), ownerClaim{bee})
	if err != nil {
		return helloMessage{}, fmt.Errorf("%w: %w", work.ErrSigning, err)
	}
	return helloMessage{Owner: key.Public().(ed25519.PublicKey), Claim: &signed}, nil
}

// owner returns the owner that a bee has proven, nil when it names none.
func (m helloMessage) owner(mesh string, bee peer.ID) ([]byte, error) {
	switch {
	case len(m.Owner) == 0 && m.Claim == nil:
		return nil, nil
	case m.Claim == nil:
		return nil, work.ErrSecurityInformationMissing
	case len(m.Owner) != ed25519.PublicKeySize:
		return nil, work.ErrInvalidKey
	}
	var c ownerClaim
	if err := m.Claim.Open(m.Owner, ownerDomain(mesh), &c); err != nil {
		return nil, fmt.Errorf("%w: %w", work.ErrVerification, err)
	}
	if c.Bee != bee {
		return nil, fmt.Errorf("the claim is about another peer: %w", work.ErrVerification)
	}
	return m.Owner, nil
}
