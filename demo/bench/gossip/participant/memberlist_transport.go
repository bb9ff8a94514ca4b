package participant

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
)

// memberlistTransport is memberlist's Transport on the fabric.
type memberlistTransport struct {
	port    *fabric.Port
	packets chan *memberlist.Packet
	streams chan net.Conn
}

// memberlistBacklog is how many packets, and streams, wait to be taken. More
// are dropped, as a kernel would.
const memberlistBacklog = 1024

func newMemberlistTransport(f *fabric.Fabric, index int) *memberlistTransport {
	t := &memberlistTransport{
		packets: make(chan *memberlist.Packet, memberlistBacklog),
		streams: make(chan net.Conn, memberlistBacklog),
	}
	t.port = f.Attach(index, t.onPacket, t.onStream)
	return t
}

func (t *memberlistTransport) onPacket(from int, packet []byte) {
	select {
	case t.packets <- &memberlist.Packet{Buf: packet, From: fabric.Addr(from), Timestamp: time.Now()}:
	default:
	}
}

func (t *memberlistTransport) onStream(_ int, stream net.Conn) {
	select {
	case t.streams <- stream:
	default:
		_ = stream.Close()
	}
}

// FinalAdvertiseAddr implements memberlist.Transport.
func (t *memberlistTransport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	at := fabric.Addr(t.port.Node())
	return at.IP(), at.Port(), nil
}

// WriteTo implements memberlist.Transport.
func (t *memberlistTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := fabric.ParseAddr(addr)
	if err == nil {
		t.port.Send(to, b)
	}
	return time.Now(), err
}

// DialTimeout implements memberlist.Transport.
func (t *memberlistTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	to, err := fabric.ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t.port.Dial(ctx, to)
}

// PacketCh implements memberlist.Transport.
func (t *memberlistTransport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh implements memberlist.Transport.
func (t *memberlistTransport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown implements memberlist.Transport.
func (t *memberlistTransport) Shutdown() error {
	t.port.Close()
	return nil
}
