package broker

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/wire"
)

// ProtocolID names the protocol in a mesh.
func ProtocolID(mesh string) protocol.ID {
	return protocol.ID("/batchain/" + mesh + "/broker/1.0.0")
}

// Kinds of frames. Append only.
const (
	kindBroker    = 1
	kindEstablish = 2
	kindObserve   = 3
	kindReady     = 129
	kindObserved  = 130
)

// Limits of what comes from outside.
const (
	maxFrame  = 2 << 10 // bytes of a payload
	maxClaims = 8       // addresses that a peer may claim
	maxPassed = 4       // addresses that a broker passes on
	maxAddr   = 64      // bytes of one
	maxPeerID = 64      // bytes
)

// introduction is the body of BROKER_CONNECTION, where Peer is the target, and of
// ESTABLISH_CONNECTION, where it is the asker.
type introduction struct {
	Peer  []byte   `cbor:"1,keyasint"`
	Addrs [][]byte `cbor:"2,keyasint,omitempty"`
	Open  bool     `cbor:"3,keyasint,omitempty"`
}

// readyMessage is the body of READY.
type readyMessage struct {
	Addrs [][]byte `cbor:"1,keyasint,omitempty"`
	Open  bool     `cbor:"2,keyasint,omitempty"`
}

// place is where a peer can be dialled.
type place struct {
	addrs []ma.Multiaddr
	open  bool // it takes connections from anybody, as far as it knows
}

// observedMessage is the body of OBSERVED.
type observedMessage struct {
	Addr []byte `cbor:"1,keyasint"`
}

// parseIntroduction decodes and checks the body. Addresses that are of no use
// are left out.
func parseIntroduction(payload []byte) (peer.ID, place, error) {
	var m introduction
	if err := wire.Unmarshal(payload, &m); err != nil {
		return "", place{}, wire.ErrBadRequest.With("introduction cannot be read")
	}
	if len(m.Peer) > maxPeerID {
		return "", place{}, wire.ErrBadRequest.With("peer id of %d bytes", len(m.Peer))
	}
	p, err := peer.IDFromBytes(m.Peer)
	if err != nil {
		return "", place{}, wire.ErrBadRequest.With("peer id cannot be read")
	}
	addrs, err := parseAddrs(m.Addrs)
	return p, place{addrs, m.Open}, err
}

// parseReady decodes the body of READY.
func parseReady(payload []byte) (place, error) {
	var m readyMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return place{}, err
	}
	addrs, err := parseAddrs(m.Addrs)
	return place{addrs, m.Open}, err
}

// parseAddrs decodes addresses, at most maxClaims, and leaves out those that are
// of no use.
func parseAddrs(raw [][]byte) ([]ma.Multiaddr, error) {
	if len(raw) > maxClaims {
		return nil, wire.ErrBadRequest.With("%d addresses", len(raw))
	}
	var addrs []ma.Multiaddr
	for _, bytes := range raw {
		if len(bytes) > maxAddr {
			return nil, wire.ErrBadRequest.With("address of %d bytes", len(bytes))
		}
		if addr, err := ma.NewMultiaddrBytes(bytes); err == nil && dialable(addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

// parseObserved decodes the body of OBSERVED.
func parseObserved(payload []byte) (ma.Multiaddr, error) {
	var m observedMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return nil, err
	}
	addrs, err := parseAddrs([][]byte{m.Addr})
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("observed address cannot be dialled")
	}
	return addrs[0], nil
}

func encodeAddrs(addrs []ma.Multiaddr) [][]byte {
	var raw [][]byte
	for _, addr := range addrs {
		raw = append(raw, addr.Bytes())
	}
	return raw
}
