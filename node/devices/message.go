package devices

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// ProtocolID names the protocol in a mesh.
func ProtocolID(mesh string) protocol.ID {
	return protocol.ID("/batchain/" + mesh + "/devices/1.0.0")
}

// Kinds of frames. Append only.
const (
	kindHello  byte = 1
	kindAnswer byte = 2
	kindProof  byte = 3
	kindAsk    byte = 4
	kindFile   byte = 5
)

// Limits of what comes from outside.
const (
	nonceSize   = 32      // bytes
	proofSize   = 32      // bytes
	maxProving  = 256     // bytes of a frame before the other side has proved itself
	maxAsked    = 256     // files in one question
	maxAsk      = 8 << 10 // bytes of it
	maxFile     = 256     // bytes of the answer for one file, without its manifest
	maxManifest = 1 << 30 // bytes of a manifest: the largest there can be has some 840 MB
)

// purpose is what a stream is opened for. Append only.
type purpose uint8

const (
	purposeList purpose = iota + 1 // to replicate the list
	purposeAsk                     // to ask about files
)

// state is how a device knows a file. Append only.
type state uint8

const (
	stateHere    state = iota + 1 // listed, and its manifest is there
	stateGone                     // deleted, for good
	stateOver                     // its time has passed
	stateUnknown                  // none of these
)

type helloMessage struct {
	Nonce []byte `cbor:"1,keyasint"`
}

type answerMessage struct {
	Nonce []byte `cbor:"1,keyasint"`
	Proof []byte `cbor:"2,keyasint"`
}

type proofMessage struct {
	Purpose purpose `cbor:"1,keyasint"`
	Proof   []byte  `cbor:"2,keyasint"`
}

// askMessage asks about files.
type askMessage struct {
	Files     []shard.FileID `cbor:"1,keyasint"`
	Manifests bool           `cbor:"2,keyasint,omitempty"` // are wanted as well
}

// fileMessage is the answer for one of them. Length bytes of its manifest follow it.
type fileMessage struct {
	State  state        `cbor:"1,keyasint"`
	Added  int64        `cbor:"2,keyasint,omitempty"` // Unix seconds
	Of     shard.FileID `cbor:"3,keyasint,omitzero"`  // see catalogue.Entry
	Length int64        `cbor:"4,keyasint,omitempty"`
}

func parseHello(payload []byte) (helloMessage, error) {
	var m helloMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return m, fmt.Errorf("hello: %w", err)
	}
	if len(m.Nonce) != nonceSize {
		return m, wire.ErrBadRequest.With("a nonce of %d bytes", len(m.Nonce))
	}
	return m, nil
}

func parseAnswer(payload []byte) (answerMessage, error) {
	var m answerMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return m, fmt.Errorf("answer: %w", err)
	}
	if len(m.Nonce) != nonceSize || len(m.Proof) != proofSize {
		return m, wire.ErrBadRequest.With("a nonce of %d and a proof of %d bytes", len(m.Nonce), len(m.Proof))
	}
	return m, nil
}

func parseProof(payload []byte) (proofMessage, error) {
	var m proofMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return m, fmt.Errorf("proof: %w", err)
	}
	if len(m.Proof) != proofSize {
		return m, wire.ErrBadRequest.With("a proof of %d bytes", len(m.Proof))
	}
	return m, nil
}

func parseAsk(payload []byte) (askMessage, error) {
	var m askMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return m, fmt.Errorf("ask: %w", err)
	}
	if len(m.Files) == 0 || len(m.Files) > maxAsked {
		return m, wire.ErrBadRequest.With("a question about %d files", len(m.Files))
	}
	return m, nil
}

func parseFile(payload []byte) (fileMessage, error) {
	var m fileMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return m, fmt.Errorf("file: %w", err)
	}
	if m.Length < 0 || m.Length > maxManifest || m.State != stateHere && m.Length != 0 {
		return m, wire.ErrBadRequest.With("a manifest of %d bytes in state %d", m.Length, m.State)
	}
	return m, nil
}
