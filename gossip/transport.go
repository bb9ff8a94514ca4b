package gossip

import (
	"context"
	"errors"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Transport carries messages between members. Package gossiptest has the suite
// that every one must pass, and one in memory; [NewLibp2p] makes the real one.
type Transport interface {
	// Send passes message, at most [MaxMessage] bytes and not changed
	// afterwards, on its way to a peer. It does not wait for the way: it returns
	// [ErrBusy] when too much waits for that peer already. What is sent may be
	// lost, doubled or overtaken, and never altered.
	Send(to peer.ID, message []byte) error
	// Serve calls receive with every message that comes, and with its sender,
	// which the transport has authenticated, until ctx ends. Receive does not
	// keep the message. It may be called by several goroutines, all of which
	// have ended when Serve returns.
	Serve(ctx context.Context, receive func(from peer.ID, message []byte)) error
	// Address is where others reach this member, in a form that only this kind
	// of transport knows; at most [MaxValue] bytes. Empty: by being dialled
	// from here.
	Address() []byte
	// Learn tells where another member is reached, by its own word: when it says
	// so, and again every five minutes.
	Learn(p peer.ID, address []byte)
}

// ErrBusy says that a peer does not take messages as fast as they are sent.
var ErrBusy = errors.New("too much waits for this peer")

// AddressKey is the key under which every member says [Transport.Address].
const AddressKey = "addr"
