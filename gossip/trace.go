package gossip

import "github.com/libp2p/go-libp2p/core/peer"

// Traced is one message, as [Config.Trace] is told of it. It is a copy.
type Traced struct {
	Peer       peer.ID // to whom, or from whom
	Sent       bool    // by this member; else it came
	Kind       string  // syn, synack, ack, push, probe, probed or ask
	Digest     int     // members in its digest
	Deltas     int     // owners of whose state it has something
	Records    int     // entries of them
	Heartbeats int
}

var kindNames = map[uint8]string{
	kindSyn: "syn", kindSynAck: "synack", kindAck: "ack", kindPush: "push", kindProbe: "probe", kindProbed: "probed", kindAsk: "ask",
}

// trace tells of a message, if anybody wants to know.
func (g *Gossiper) trace(p peer.ID, sent bool, m *message) {
	if g.cfg.Trace == nil || m == nil {
		return
	}
	digest, _ := parseDigest(m.Digest)
	beats, _ := parseBeats(m.Beats)
	t := Traced{Peer: p, Sent: sent, Kind: kindNames[m.Kind], Digest: len(digest), Deltas: len(m.Deltas), Heartbeats: len(beats)}
	for _, d := range m.Deltas {
		t.Records += len(d.Entries)
	}
	g.cfg.Trace(t)
}
