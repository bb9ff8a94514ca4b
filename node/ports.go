package node

import (
	"errors"
	"fmt"
	"syscall"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// portsFree makes sure that nobody listens where this node is to listen.
// libp2p shares TCP ports (SO_REUSEPORT, which hole punching needs), so two
// nodes on one port would each get half of the connections, and it goes on when
// only some of the addresses can be had.
func portsFree(listen []string) error {
	for _, text := range listen {
		addr, err := ma.NewMultiaddr(text)
		if err != nil {
			return fmt.Errorf("listen %s: %w", text, err)
		}
		if err := portFree(addr); errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("listen %s: %w", text, err)
		}
	}
	return nil
}

// portFree opens the address without what goes on top of TCP or UDP, and closes
// it.
func portFree(addr ma.Multiaddr) error {
	plain, _ := ma.SplitFunc(addr, func(c ma.Component) bool {
		return c.Protocol().Code != ma.P_IP4 && c.Protocol().Code != ma.P_IP6 &&
			c.Protocol().Code != ma.P_TCP && c.Protocol().Code != ma.P_UDP
	})
	if _, err := plain.ValueForProtocol(ma.P_UDP); err == nil {
		conn, err := manet.ListenPacket(plain)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	l, err := manet.Listen(plain)
	if err != nil {
		return err
	}
	return l.Close()
}
