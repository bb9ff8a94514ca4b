package participant

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"time"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
	"github.com/batchain/batchain/demo/bench/gossip/world"
	"github.com/batchain/batchain/wire"
)

// attackOurs plays a probe with the attacker's own key, which is as good as any:
// a mesh is open to whoever comes.
func attackOurs(a world.Attack) error {
	if a.Probe == "omission" {
		return omitOurs(a)
	}
	const target = 0
	s, err := dialOurs(a, target)
	if err != nil {
		return err
	}
	defer s.port.Close()
	switch a.Probe {
	case "ghost":
		s.send(oursMessage{Kind: oursPush, Deltas: []oursDelta{s.invent(0)}})
		s.send(oursMessage{Kind: oursSyn, Digest: oursDigest(0, 1), Partial: true})
	case "flood":
		s.flood(a.Count)
	case "forge":
		s.send(oursMessage{Kind: oursPush, Deltas: []oursDelta{s.claim(a.Victim, a.Key, a.Value, s.key)}})
	case "future":
		s.send(oursMessage{Kind: oursPush, Deltas: []oursDelta{s.claim(a.Victim, "future", a.Value, s.key)}})
		s.send(oursMessage{Kind: oursPush, Beats: oursBeat(a.Victim, 1<<62)})
	case "malformed":
		s.malformed(a.Victim)
	default:
		return world.ErrNoSuchThing
	}
	return nil
}

// oursAttacker is a stream of the attacker's to one node.
type oursAttacker struct {
	port   *fabric.Port
	stream interface{ Write([]byte) (int, error) }
	key    ed25519.PrivateKey
	nodes  int
}

func dialOurs(a world.Attack, target int) (*oursAttacker, error) {
	port := a.Fabric.Attach(a.Self, nil, nil)
	stream, err := port.Dial(context.Background(), target)
	if err != nil {
		return nil, err
	}
	return &oursAttacker{port: port, stream: stream, key: oursKey(a.Self), nodes: a.Nodes}, nil
}

func (s *oursAttacker) send(m oursMessage) { s.sendRaw(oursEncode(m)) }

// sendRaw sends a message and waits long enough not to be throttled.
func (s *oursAttacker) sendRaw(message []byte) {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(message)))
	_, _ = s.stream.Write(append(frame, message...)) // it may have been cut off
	time.Sleep(100 * time.Millisecond)
}

// flood invents count peers, as many to a message as fit, and names as many in
// digests.
func (s *oursAttacker) flood(count int) {
	const perMessage = 500
	for i := 0; i < count; i += perMessage {
		var deltas []oursDelta
		for j := i; j < min(i+perMessage, count); j++ {
			deltas = append(deltas, s.invent(j))
		}
		s.send(oursMessage{Kind: oursPush, Deltas: deltas})
		s.send(oursMessage{Kind: oursSyn, Digest: oursDigest(i, perMessage), Partial: true})
	}
}

// malformed sends what no member would: every kind of message empty, cut short
// and of the wrong shape, and records that are none.
func (s *oursAttacker) malformed(victim int) {
	whole := oursEncode(oursMessage{Kind: oursPush, Deltas: []oursDelta{s.claim(victim, "k", "v", s.key)}})
	packets := [][]byte{{}, {0xa0}, {0xff}, {0xbf}, {0xdb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, whole[:len(whole)/2], append(whole, whole...)}
	for kind := range uint8(oursKinds) {
		for _, m := range []oursMessage{
			{Kind: kind},
			{Kind: kind, Hash: []byte{1}, Heard: []byte{1, 2, 3}, Want: make([]byte, 1<<16)},
			{Kind: kind, Digest: []byte{1, 2, 3}, Beats: []byte{9}},
			{Kind: kind, Deltas: []oursDelta{{}, {Owner: oursPublic(victim), Head: &wire.Signed{}}}},
			{Kind: kind, Target: []byte{7}, Nonce: 1},
		} {
			packets = append(packets, oursEncode(m))
		}
	}
	for _, p := range packets {
		s.sendRaw(p)
	}
}
