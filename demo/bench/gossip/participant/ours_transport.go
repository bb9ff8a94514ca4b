package participant

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
	"github.com/batchain/batchain/gossip"
)

// What the transport over libp2p allows too.
const (
	oursQueue    = 64              // messages that wait for a peer
	oursOpenTime = 5 * time.Second // to reach a peer
	oursIdleTime = 2 * time.Minute // after which a stream is closed
)

// oursTransport is a gossip.Transport on the fabric: one stream to every peer
// that is written to, kept while it is used, as libp2p's transport does.
type oursTransport struct {
	fabric *fabric.Fabric
	index  int

	mu      sync.Mutex
	ctx     context.Context // of Serve; nil when it does not run
	port    *fabric.Port
	outs    map[peer.ID]chan []byte
	ins     map[net.Conn]bool
	tasks   sync.WaitGroup
	receive func(from peer.ID, message []byte)
}

func newOursTransport(f *fabric.Fabric, index int) *oursTransport {
	return &oursTransport{fabric: f, index: index}
}

// Serve implements gossip.Transport.
func (t *oursTransport) Serve(ctx context.Context, receive func(from peer.ID, message []byte)) error {
	t.mu.Lock()
	t.ctx, t.receive = ctx, receive
	t.outs, t.ins = map[peer.ID]chan []byte{}, map[net.Conn]bool{}
	t.port = t.fabric.Attach(t.index, nil, t.take)
	t.mu.Unlock()
	<-ctx.Done()
	t.mu.Lock()
	t.ctx = nil
	for stream := range t.ins {
		_ = stream.Close()
	}
	t.port.Close()
	t.mu.Unlock()
	t.tasks.Wait()
	return nil
}

// Send implements gossip.Transport.
func (t *oursTransport) Send(to peer.ID, message []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx == nil {
		return gossip.ErrStopped
	}
	out := t.outs[to]
	if out == nil {
		out = make(chan []byte, oursQueue)
		t.outs[to] = out
		ctx := t.ctx
		t.tasks.Go(func() { t.write(ctx, to, out) })
	}
	select {
	case out <- message:
		return nil
	default:
		return fmt.Errorf("send to %s: %w", to, gossip.ErrBusy)
	}
}

// write carries what is queued for a peer until nothing is for a while, or the
// peer cannot be reached.
func (t *oursTransport) write(ctx context.Context, to peer.ID, out chan []byte) {
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.outs, to)
	}()
	opening, cancel := context.WithTimeout(ctx, oursOpenTime)
	stream, err := t.port.Dial(opening, oursIndex(to))
	cancel()
	if err != nil {
		return
	}
	defer func() { _ = stream.Close() }()
	idle := time.NewTimer(oursIdleTime)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-idle.C:
			return
		case message := <-out:
			frame := binary.BigEndian.AppendUint32(nil, uint32(len(message)))
			if _, err := stream.Write(append(frame, message...)); err != nil {
				return
			}
			idle.Reset(oursIdleTime)
		}
	}
}

// take reads the messages of a stream that a peer opened.
func (t *oursTransport) take(from int, stream net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx == nil {
		_ = stream.Close()
		return
	}
	t.ins[stream] = true
	t.tasks.Go(func() {
		t.read(oursID(from), stream)
		_ = stream.Close()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.ins, stream)
	})
}

func (t *oursTransport) read(from peer.ID, stream net.Conn) {
	for {
		var length [4]byte
		_ = stream.SetReadDeadline(time.Now().Add(2 * oursIdleTime))
		if _, err := io.ReadFull(stream, length[:]); err != nil {
			return
		}
		message := make([]byte, min(binary.BigEndian.Uint32(length[:]), gossip.MaxMessage+1))
		if _, err := io.ReadFull(stream, message); err != nil {
			return
		}
		t.receive(from, message)
	}
}

// Address implements gossip.Transport: a peer's id is enough.
func (t *oursTransport) Address() []byte { return []byte(fabric.Addr(t.index).String()) }

// Learn implements gossip.Transport.
func (*oursTransport) Learn(peer.ID, []byte) {}
