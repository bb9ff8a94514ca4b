package fabric

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
)

// Addr is a node's number as a net.Addr, for participants that want addresses:
// node 0 is 10.0.0.1, node 255 is 10.0.1.0.
type Addr int

// first is node 0's address.
const first = 10<<24 + 1

// port is every node's port.
const port = 7946

// Network implements net.Addr.
func (Addr) Network() string { return "fabric" }

// String implements net.Addr.
func (a Addr) String() string { return net.JoinHostPort(a.IP().String(), strconv.Itoa(port)) }

// IP returns the address without its port.
func (a Addr) IP() net.IP { return binary.BigEndian.AppendUint32(nil, uint32(first+int(a))) }

// Port returns the port, the same for all.
func (Addr) Port() int { return port }

// ParseAddr returns the node at an address that [Addr.String] made.
func ParseAddr(s string) (int, error) {
	at, err := netip.ParseAddrPort(s)
	if err != nil {
		return 0, err
	}
	ip := at.Addr().As4()
	return int(binary.BigEndian.Uint32(ip[:])) - first, nil
}
