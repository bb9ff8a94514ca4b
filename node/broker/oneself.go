package broker

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

// oneself is the connection of a node with itself, which libp2p does not make: a
// machine may be a host of its owner's files, and is asked for their shards like
// any other. Its streams stay in memory and end at the host's handlers.
type oneself struct {
	host   host.Host
	opened time.Time
	near   network.MuxedConn // opens streams
	far    network.MuxedConn // accepts them
	jobs   sync.WaitGroup    // that accepts, and one for each handler
}

// withOneself returns the connection with itself, made when it is first asked for;
// nil when the broker is closed.
func (b *Broker) withOneself() (*oneself, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut {
		return nil, context.Canceled
	}
	if b.oneself != nil {
		return b.oneself, nil
	}
	near, far := net.Pipe()
	o := &oneself{host: b.host, opened: time.Now()}
	var err error
	if o.far, err = yamux.DefaultTransport.NewConn(far, true, nil); err != nil {
		return nil, err
	}
	if o.near, err = yamux.DefaultTransport.NewConn(near, false, nil); err != nil {
		_ = o.far.Close()
		return nil, err
	}
	o.jobs.Go(o.accept)
	b.oneself = o
	return o, nil
}

// close ends every stream and waits for their handlers. It may be nil.
func (o *oneself) close() {
	if o == nil {
		return
	}
	_ = o.near.Close()
	_ = o.far.Close()
	o.jobs.Wait()
}

func (o *oneself) accept() {
	for {
		muxed, err := o.far.AcceptStream()
		if err != nil {
			return
		}
		o.jobs.Go(func() {
			s := &ownStream{MuxedStream: muxed, conn: &ownConn{o, network.DirInbound}}
			id, handle, err := o.host.Mux().Negotiate(s)
			if err != nil {
				_ = s.Reset()
				return
			}
			_ = s.SetProtocol(id)
			_ = handle(id, s)
		})
	}
}

// open opens a stream of one of the protocols.
func (o *oneself) open(ctx context.Context, ids []protocol.ID) (network.Stream, error) {
	muxed, err := o.near.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	s := &ownStream{MuxedStream: muxed, conn: &ownConn{o, network.DirOutbound}}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	s.protocol, err = multistream.SelectOneOf(ids, s)
	if err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, nil
}

// ownStream is one end of a stream of the connection with oneself.
type ownStream struct {
	network.MuxedStream
	conn     *ownConn
	protocol protocol.ID
}

func (s *ownStream) ID() string                       { return "oneself" }
func (s *ownStream) Protocol() protocol.ID            { return s.protocol }
func (s *ownStream) SetProtocol(id protocol.ID) error { s.protocol = id; return nil }
func (s *ownStream) Stat() network.Stats              { return s.conn.Stat().Stats }
func (s *ownStream) Conn() network.Conn               { return s.conn }
func (s *ownStream) Scope() network.StreamScope       { return &network.NullScope{} }

// ownConn is one end of the connection with oneself.
type ownConn struct {
	*oneself
	direction network.Direction
}

// ownAddr is where a node is for itself. The port is nobody's.
var ownAddr = ma.StringCast("/ip4/127.0.0.1/tcp/0")

func (c *ownConn) ID() string                                 { return "oneself" }
func (c *ownConn) LocalPeer() peer.ID                         { return c.host.ID() }
func (c *ownConn) RemotePeer() peer.ID                        { return c.host.ID() }
func (c *ownConn) RemotePublicKey() crypto.PubKey             { return c.host.Peerstore().PubKey(c.host.ID()) }
func (c *ownConn) LocalMultiaddr() ma.Multiaddr               { return ownAddr }
func (c *ownConn) RemoteMultiaddr() ma.Multiaddr              { return ownAddr }
func (c *ownConn) ConnState() network.ConnectionState         { return network.ConnectionState{} }
func (c *ownConn) Scope() network.ConnScope                   { return &network.NullScope{} }
func (c *ownConn) GetStreams() []network.Stream               { return nil }
func (c *ownConn) IsClosed() bool                             { return c.near.IsClosed() }
func (c *ownConn) As(any) bool                                { return false }
func (c *ownConn) Close() error                               { return nil } // it is the broker's
func (c *ownConn) CloseWithError(network.ConnErrorCode) error { return nil }

func (c *ownConn) Stat() network.ConnStats {
	return network.ConnStats{Stats: network.Stats{Direction: c.direction, Opened: c.opened}}
}

func (c *ownConn) NewStream(ctx context.Context) (network.Stream, error) {
	muxed, err := c.near.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return &ownStream{MuxedStream: muxed, conn: c}, nil
}
