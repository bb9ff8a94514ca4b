package devices

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// What a code is for: part of what it covers, so that none is taken for another.
const (
	forMark   = "mark"
	forProof  = "proof"
	forUpdate = "update"
	forName   = "name"
)

// key is what the devices of one owner share.
type key shard.DevicesKey

// mac authenticates a record.
func (k key) mac(purpose string, record any) []byte {
	body, err := wire.Marshal(record)
	if err != nil {
		panic("devices: internal error: " + err.Error())
	}
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte("batchain/devices/" + purpose + "/1\x00"))
	h.Write(body)
	return h.Sum(nil)
}

// Sizes in bytes of what a mark is made of.
const (
	markNonce = 16
	markSize  = markNonce + 16
)

// marked is what the code of a mark covers.
type marked struct {
	Peer  peer.ID `cbor:"1,keyasint"`
	Nonce []byte  `cbor:"2,keyasint"`
}

// mark makes a mark of a device.
func (k key) mark(p peer.ID) []byte {
	nonce := make([]byte, markNonce)
	rand.Read(nonce)
	return append(nonce, k.mac(forMark, marked{p, nonce})[:markSize-markNonce]...)
}

// marks reports whether a mark is a device's own.
func (k key) marks(p peer.ID, mark []byte) bool {
	if len(mark) != markSize {
		return false
	}
	return hmac.Equal(mark[markNonce:], k.mac(forMark, marked{p, mark[:markNonce]})[:markSize-markNonce])
}

// name is the replica's: another for every owner, and nothing leads back from it.
func (k key) name() string {
	return "files:" + hex.EncodeToString(k.mac(forName, []byte{})[:8])
}

// signer signs this device's updates of the list with what all devices share:
// they trust each other, and nobody else can.
type signer struct {
	key
	id peer.ID
}

// ID is part of [replica.Signer].
func (s signer) ID() peer.ID { return s.id }

// Sign is part of [replica.Signer].
func (s signer) Sign(data []byte) ([]byte, error) { return s.mac(forUpdate, data), nil }

// Verify is part of [replica.Verifier]. The data has the source in it.
func (s signer) Verify(_ context.Context, _ peer.ID, data, sig []byte) (bool, error) {
	return hmac.Equal(sig, s.mac(forUpdate, data)), nil
}
