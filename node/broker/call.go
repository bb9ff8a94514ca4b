package broker

import (
	"context"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"

	"github.com/batchain/batchain/wire"
)

// call asks a peer for an introduction, over a connection that is there or is
// dialled, and returns what its READY says.
func (b *Broker) call(ctx context.Context, p peer.ID, kind byte, m introduction) (place, error) {
	s, err := b.host.NewStream(network.WithAllowLimitedConn(ctx, "broker"), p, ProtocolID(b.cfg.Mesh))
	if err != nil {
		return place{}, err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	_ = s.SetDeadline(time.Now().Add(askTime))
	payload, err := exchange(s, kind, m, kindReady)
	switch {
	case err != nil && ctx.Err() != nil:
		return place{}, context.Cause(ctx) // and not that the stream was reset for that
	case err != nil:
		return place{}, err
	}
	return parseReady(payload)
}

// exchange writes a request and reads the answer, which must be of kind want.
func exchange(s io.ReadWriter, kind byte, m any, want byte) ([]byte, error) {
	if err := wire.WriteMessage(s, kind, m); err != nil {
		return nil, err
	}
	got, payload, err := wire.ReadFrame(s, maxFrame)
	switch {
	case err != nil:
		return nil, err
	case got == wire.KindError:
		return nil, wire.ReadError(payload)
	case got != want:
		return nil, wire.ErrBadRequest.With("answer of kind %d", got)
	}
	return payload, nil
}

// muxed is a stream of a connection, negotiated by hand.
type muxed interface {
	io.ReadWriteCloser
	Reset() error
	SetDeadline(time.Time) error
}

// askOn asks over one stream of a certain connection how its other end sees it.
func (b *Broker) askOn(ctx context.Context, s muxed) (ma.Multiaddr, error) {
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	_ = s.SetDeadline(time.Now().Add(observeTime))
	if err := multistream.SelectProtoOrFail(ProtocolID(b.cfg.Mesh), s); err != nil {
		return nil, err
	}
	payload, err := exchange(s, kindObserve, struct{}{}, kindObserved)
	if err != nil {
		return nil, err
	}
	return parseObserved(payload)
}
