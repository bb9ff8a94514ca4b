package transfer

import (
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/shard"
)

// How many addresses of a host are kept, and of what length: a host may tell
// as many as it likes.
const (
	maxHostAddrs = 16
	maxHostAddr  = 256
)

// noteReceipt puts a receipt into the journal, and where its host is reached.
func (p *put) noteReceipt(r shard.Receipt) error {
	if err := p.journal.append(recordReceipt, r, false); err != nil {
		return err
	}
	if p.journal.knowsHost(r.Host) {
		return nil
	}
	return p.journal.append(recordHost, hostAddrs{r.Host, p.e.addrHints(r.Host)}, false)
}

// addrHints are addresses at which a host was reached, as they are kept.
func (e *Engine) addrHints(h peer.ID) (hints [][]byte) {
	for _, addr := range e.cfg.Host.Peerstore().Addrs(h) {
		if b := addr.Bytes(); len(b) <= maxHostAddr && len(hints) < maxHostAddrs {
			hints = append(hints, b)
		}
	}
	return hints
}

func (j *journal) knowsHost(h peer.ID) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, known := j.hosts[h]
	return known
}

// addrsOf returns where a host was reached.
func (j *journal) addrsOf(h peer.ID) peer.AddrInfo {
	j.mu.Lock()
	defer j.mu.Unlock()
	return hostAddrs{h, j.hosts[h]}.info()
}

// info reads the hints; addresses that make no sense are dropped.
func (h hostAddrs) info() peer.AddrInfo {
	info := peer.AddrInfo{ID: h.Peer}
	for _, b := range h.Addrs {
		if addr, err := ma.NewMultiaddrBytes(b); err == nil {
			info.Addrs = append(info.Addrs, addr)
		}
	}
	return info
}
