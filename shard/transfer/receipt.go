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
	h := hostAddrs{Peer: r.Host}
	for _, addr := range p.e.cfg.Host.Peerstore().Addrs(r.Host) {
		if b := addr.Bytes(); len(b) <= maxHostAddr && len(h.Addrs) < maxHostAddrs {
			h.Addrs = append(h.Addrs, b)
		}
	}
	return p.journal.append(recordHost, h, false)
}

func (j *journal) knowsHost(h peer.ID) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, known := j.hosts[h]
	return known
}

// addrsOf returns where a host was reached; addresses that make no sense are
// dropped.
func (j *journal) addrsOf(h peer.ID) peer.AddrInfo {
	j.mu.Lock()
	defer j.mu.Unlock()
	info := peer.AddrInfo{ID: h}
	for _, b := range j.hosts[h] {
		if addr, err := ma.NewMultiaddrBytes(b); err == nil {
			info.Addrs = append(info.Addrs, addr)
		}
	}
	return info
}
