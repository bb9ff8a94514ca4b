package gossip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/wire"
)

// frameMessage is the one kind of frame on a gossip stream.
const frameMessage = 1

const (
	maxOutbox    = 64                     // messages that wait for a peer
	openTimeout  = 5 * time.Second        // to reach a peer
	writeTimeout = 5 * time.Second        // for a message to go out
	frameTimeout = 10 * time.Second       // for a message to come in, once it has begun
	idleTime     = 2 * time.Minute        // after which a stream that nothing goes through is closed
	maxInbound   = 2                      // streams of one peer
	maxAddresses = 16                     // of one member
	endTime      = 500 * time.Millisecond // for what is queued to go out when the transport ends
	addressTime  = 10 * time.Minute       // for which another's addresses are believed, after each word of it
)

// ErrStopped says that a transport does not serve.
var ErrStopped = errors.New("transport does not serve")

// ProtocolID is the protocol of gossip streams of a mesh.
func ProtocolID(mesh string) protocol.ID {
	return protocol.ID("/batchain/" + mesh + "/gossip/1.0.0")
}

// Libp2p is the [Transport] over libp2p streams. Each side keeps one stream open
// to every peer that it writes to: a message then costs a write, not a stream.
type Libp2p struct {
	host host.Host
	id   protocol.ID

	mu      sync.Mutex
	serving bool
	ctx     context.Context // ends all that was begun meanwhile, soon after Serve is told to end
	ended   chan struct{}   // closed when Serve is told to end: what is queued goes out, and no more
	wait    sync.WaitGroup
	outs    map[peer.ID]chan []byte
	ins     map[peer.ID]int
	open    map[network.Stream]struct{} // that others opened
}

var _ Transport = (*Libp2p)(nil)

// NewLibp2p returns the transport of a mesh on a host, which stays the
// caller's.
func NewLibp2p(h host.Host, mesh string) *Libp2p {
	return &Libp2p{host: h, id: ProtocolID(mesh)}
}

// Serve takes streams until ctx ends, and half a second longer at most sends
// what is queued: a goodbye, say.
func (t *Libp2p) Serve(ctx context.Context, receive func(from peer.ID, message []byte)) error {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended := make(chan struct{})
	t.mu.Lock()
	if t.serving {
		t.mu.Unlock()
		return errors.New("transport serves already")
	}
	t.serving, t.ctx, t.ended = true, writing, ended
	t.outs, t.ins, t.open = map[peer.ID]chan []byte{}, map[peer.ID]int{}, map[network.Stream]struct{}{}
	t.mu.Unlock()
	t.host.SetStreamHandler(t.id, func(st network.Stream) { t.take(st, receive) })
	<-ctx.Done()
	t.host.RemoveStreamHandler(t.id)
	t.mu.Lock()
	t.serving = false
	for st := range t.open {
		_ = st.Reset()
	}
	t.mu.Unlock()
	close(ended)
	late := time.AfterFunc(endTime, cancel)
	defer late.Stop()
	t.wait.Wait()
	return nil
}

// Send queues a message for a peer.
func (t *Libp2p) Send(to peer.ID, message []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.serving {
		return ErrStopped
	}
	out := t.outs[to]
	if out == nil {
		out = make(chan []byte, maxOutbox)
		t.outs[to] = out
		writing, ended := t.ctx, t.ended
		t.wait.Go(func() { t.write(writing, ended, to, out) })
	}
	select {
	case out <- message:
		return nil
	default:
		return fmt.Errorf("send to %s: %w", to, ErrBusy)
	}
}

// write carries what is queued for a peer until nothing is for a while, the
// peer cannot be reached, or the transport has ended and all is sent.
func (t *Libp2p) write(ctx context.Context, ended <-chan struct{}, to peer.ID, out chan []byte) {
	defer func() {
		t.mu.Lock()
		delete(t.outs, to)
		t.mu.Unlock()
	}()
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	st, err := t.host.NewStream(network.WithAllowLimitedConn(opening, "gossip"), to, t.id)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	for {
		message, ok := next(ended, out)
		if !ok {
			_ = st.Close()
			return
		}
		_ = st.SetWriteDeadline(time.Now().Add(writeTimeout))
		if wire.WriteFrame(st, frameMessage, message) != nil {
			_ = st.Reset()
			return
		}
	}
}

// next waits for a message; when the transport has ended only for one that is
// there already.
func next(ended <-chan struct{}, out <-chan []byte) ([]byte, bool) {
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	select {
	case message := <-out:
		return message, true
	case <-idle.C:
		return nil, false
	case <-ended:
	}
	select {
	case message := <-out:
		return message, true
	default:
		return nil, false
	}
}

// take reads the messages of a stream that a peer opened.
func (t *Libp2p) take(st network.Stream, receive func(peer.ID, []byte)) {
	from := st.Conn().RemotePeer()
	t.mu.Lock()
	if !t.serving || t.ins[from] >= maxInbound {
		t.mu.Unlock()
		_ = st.Reset()
		return
	}
	t.ins[from]++
	t.open[st] = struct{}{}
	t.wait.Add(1)
	t.mu.Unlock()
	defer t.wait.Done()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.open, st)
		if t.ins[from]--; t.ins[from] == 0 {
			delete(t.ins, from)
		}
	}()
	r := bufio.NewReaderSize(st, 1<<10)
	for {
		_ = st.SetReadDeadline(time.Now().Add(2 * idleTime))
		if _, err := r.Peek(1); err != nil {
			_ = st.Reset()
			return
		}
		_ = st.SetReadDeadline(time.Now().Add(frameTimeout))
		kind, payload, err := wire.ReadFrame(r, MaxMessage)
		if err != nil {
			_ = st.Reset()
			return
		}
		if kind == frameMessage {
			receive(from, payload)
		}
	}
}

// Address returns the host's addresses.
func (t *Libp2p) Address() []byte {
	addrs := t.host.Addrs()
	list := make([][]byte, 0, len(addrs))
	for _, a := range addrs[:min(len(addrs), maxAddresses)] {
		list = append(list, a.Bytes())
	}
	data, err := wire.Marshal(list)
	if err != nil || len(list) == 0 || len(data) > MaxValue {
		return nil
	}
	return data
}

// Learn gives another's addresses to the host's peerstore.
func (t *Libp2p) Learn(p peer.ID, address []byte) {
	var list [][]byte
	if wire.Unmarshal(address, &list) != nil {
		return
	}
	var addrs []ma.Multiaddr
	for _, data := range list[:min(len(list), maxAddresses)] {
		a, err := ma.NewMultiaddrBytes(data)
		if err != nil {
			continue
		}
		if a, of := peer.SplitAddr(a); a != nil && (of == "" || of == p) {
			addrs = append(addrs, a)
		}
	}
	t.host.Peerstore().AddAddrs(p, addrs, addressTime)
}
