package exchange

import (
	"cmp"
	"crypto/ed25519"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/prometheus/client_golang/prometheus"
)

// ServerConfig is what a [Server] needs. Host, Key, Mesh and Store must be
// set; the rest has defaults.
type ServerConfig struct {
	Host  host.Host
	Key   ed25519.PrivateKey // the identity of Host: signs receipts
	Mesh  string             // see [wire.ValidMesh]
	Store Store

	Keeper Keeper // nil: KEEP and TURN are answered UNSUPPORTED

	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // the wall clock of receipts and orders; nil: time.Now

	Limits   Limits
	Timeouts Timeouts
}

// Limits bounds what goes on at a host, at once or in a minute, in which a
// network prefix may have as much done as four peers; what exceeds one is answered
// BUSY. Zero fields are the defaults. Transfers are counted twice over, those
// in (OFFER, NOTE_PUT, KEEP) apart from those out (FETCH), so that no flood of
// one stops the other.
type Limits struct {
	Streams       int // open streams, whatever they do; 1024
	PeerStreams   int // … of one peer; 64, below libp2p's 75 per protocol
	PrefixStreams int // … of one network prefix; 512

	Transfers       int   // transfers one way; 128
	PeerTransfers   int   // … of one peer; 16
	PrefixTransfers int   // … of one network prefix; 64
	PeerBytes       int64 // … of one peer, sum of their lengths; 128 MiB

	Answers       int // PROOF and NOTES, built in memory, 1.1 MB each at most; 32
	PeerAnswers   int // … for one peer; 4
	PrefixAnswers int // … for one network prefix; 16

	PeerLeaves   int // leaves that one peer may have proven in a minute; 16384
	PeerRenewals int // leases that one peer may have renewed in a minute; 65536
}

func (l Limits) withDefaults() Limits {
	l.Streams = cmp.Or(l.Streams, 1024)
	l.PeerStreams = cmp.Or(l.PeerStreams, 64)
	l.PrefixStreams = cmp.Or(l.PrefixStreams, 512)
	l.Transfers = cmp.Or(l.Transfers, 128)
	l.PeerTransfers = cmp.Or(l.PeerTransfers, 16)
	l.PrefixTransfers = cmp.Or(l.PrefixTransfers, 64)
	l.PeerBytes = cmp.Or(l.PeerBytes, 128<<20)
	l.Answers = cmp.Or(l.Answers, 32)
	l.PeerAnswers = cmp.Or(l.PeerAnswers, 4)
	l.PrefixAnswers = cmp.Or(l.PrefixAnswers, 16)
	l.PeerLeaves = cmp.Or(l.PeerLeaves, 16<<10)
	l.PeerRenewals = cmp.Or(l.PeerRenewals, 64<<10)
	return l
}

func (l Limits) transfers() gate {
	return gate{total: l.Transfers, perPeer: l.PeerTransfers, perPrefix: l.PrefixTransfers, peerBytes: l.PeerBytes}
}
