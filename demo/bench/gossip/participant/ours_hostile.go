package participant

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
	"github.com/batchain/batchain/demo/bench/gossip/world"
	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/wire"
)

// The records and messages of gossip, as an attacker who has read its source
// would write them.
type (
	oursHead struct {
		Incarnation uint64 `cbor:"1,keyasint"`
		Seq         uint64 `cbor:"2,keyasint"`
		Max         uint64 `cbor:"3,keyasint"`
		GC          uint64 `cbor:"4,keyasint"`
		Root        []byte `cbor:"5,keyasint"`
		Anchor      []byte `cbor:"6,keyasint"`
		Base        uint64 `cbor:"7,keyasint"`
	}
	oursEntry struct {
		Incarnation uint64 `cbor:"1,keyasint"`
		Version     uint64 `cbor:"2,keyasint"`
		Key         string `cbor:"3,keyasint"`
		Value       []byte `cbor:"4,keyasint,omitempty"`
	}
	oursDelta struct {
		Owner   []byte        `cbor:"1,keyasint"`
		From    uint64        `cbor:"2,keyasint,omitempty"`
		Head    *wire.Signed  `cbor:"3,keyasint,omitempty"`
		Entries []wire.Signed `cbor:"4,keyasint,omitempty"`
	}
	oursMessage struct {
		Kind    uint8       `cbor:"1,keyasint"`
		Hash    []byte      `cbor:"2,keyasint,omitempty"`
		Heard   []byte      `cbor:"3,keyasint,omitempty"`
		Want    []byte      `cbor:"4,keyasint,omitempty"`
		Digest  []byte      `cbor:"5,keyasint,omitempty"`
		Partial bool        `cbor:"6,keyasint,omitempty"`
		Deltas  []oursDelta `cbor:"7,keyasint,omitempty"`
		Beats   []byte      `cbor:"8,keyasint,omitempty"`
		Target  []byte      `cbor:"9,keyasint,omitempty"`
		Nonce   uint64      `cbor:"10,keyasint,omitempty"`
	}
)

// The kinds of messages that the probes use; oursKinds is more than there are.
const (
	oursSyn   = 1
	oursPush  = 4
	oursKinds = 16
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

// claim is a state of owner's with one value, an hour ahead of all that owner
// says, signed with key.
func (s *oursAttacker) claim(owner int, name, value string, key ed25519.PrivateKey) oursDelta {
	ahead := uint64(time.Now().Add(time.Hour).UnixMilli())
	head := oursSign(key, "gossip-head", oursHead{
		Incarnation: ahead, Seq: 1, Max: 1, Root: oursRoot(1, name, value), Anchor: make([]byte, 16),
	})
	entry := oursSign(key, "gossip-entry", oursEntry{Incarnation: ahead, Version: 1, Key: name, Value: []byte(value)})
	return oursDelta{Owner: oursPublic(owner), Head: &head, Entries: []wire.Signed{entry}}
}

// oursRoot is what a head says of a state of one value.
func oursRoot(version uint64, key, value string) []byte {
	state := binary.BigEndian.AppendUint64(nil, version)
	state = binary.BigEndian.AppendUint32(state, uint32(len(key)))
	hash := sha256.Sum256([]byte(value))
	root := sha256.Sum256(append(append(state, key...), hash[:]...))
	return root[:16]
}

// invent is the state of a peer that nobody runs, properly signed with its own
// key, and empty.
func (s *oursAttacker) invent(i int) oursDelta {
	index := oursGhost(i)
	nothing := sha256.Sum256(nil)
	head := oursSign(oursKey(index), "gossip-head", oursHead{
		Incarnation: uint64(time.Now().UnixMilli()), Seq: 1, Root: nothing[:16], Anchor: make([]byte, 16),
	})
	return oursDelta{Owner: oursPublic(index), Head: &head}
}

// oursGhost is the number of the i-th invented peer.
func oursGhost(i int) int { return 1<<20 + i }

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

// omitOurs joins as a member that is honest but for one thing: of what the
// victim says, it never passes on the key "omitted". For a moment it is the only
// one who hears the victim.
func omitOurs(a world.Attack) error {
	relay := &oursLiar{oursTransport: newOursTransport(a.Fabric, a.Self), victim: string(oursPublic(a.Victim))}
	seeds := []peer.ID{oursID(a.Victim)}
	g, err := gossip.New(gossip.Config{
		Key: oursKey(a.Self), Mesh: oursMesh, Transport: relay,
		Seeds: func() []peer.ID { return seeds },
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	time.Sleep(20 * time.Second)
	a.Fabric.Cut([]int{a.Victim, a.Self})
	a.Set("omitted", "1.")
	a.Set("relayed", "2.")
	time.Sleep(3 * time.Second)
	a.Fabric.Heal()
	time.Sleep(15 * time.Second)
	stop()
	if relay.lies == 0 {
		return fmt.Errorf("the relay had nothing to leave out")
	}
	return <-ended
}

// oursLiar is a transport that leaves something out.
type oursLiar struct {
	*oursTransport
	victim string
	lies   int
}

// Send implements gossip.Transport.
func (l *oursLiar) Send(to peer.ID, message []byte) error {
	var m oursMessage
	if err := wire.Unmarshal(message, &m); err != nil {
		return err
	}
	for i, d := range m.Deltas {
		if string(d.Owner) == l.victim {
			m.Deltas[i].Entries = l.without(d.Entries)
		}
	}
	return l.oursTransport.Send(to, oursEncode(m))
}

func (l *oursLiar) without(entries []wire.Signed) []wire.Signed {
	var kept []wire.Signed
	for _, signed := range entries {
		var e oursEntry
		if wire.Unmarshal(signed.Body, &e) == nil && e.Key == "omitted" {
			l.lies++
			continue
		}
		kept = append(kept, signed)
	}
	return kept
}

func oursEncode(m oursMessage) []byte {
	data, err := wire.Marshal(m)
	if err != nil {
		panic(err) // a struct of numbers and bytes
	}
	return data
}

func oursSign(key ed25519.PrivateKey, kind string, record any) wire.Signed {
	signed, err := wire.Sign(key, wire.Domain{Kind: kind, Mesh: oursMesh}, record)
	if err != nil {
		panic(err) // a struct of numbers and bytes
	}
	return signed
}

func oursPublic(index int) []byte { return oursKey(index).Public().(ed25519.PublicKey) }

// oursDigest names invented peers, from the i-th on.
func oursDigest(i, count int) []byte {
	var digest []byte
	for j := i; j < i+count; j++ {
		digest = append(digest, oursPublic(oursGhost(j))[:8]...)
		for range 5 {
			digest = binary.AppendUvarint(digest, 1<<40)
		}
	}
	return digest
}

// oursBeat is a heartbeat of node's that nobody can have made.
func oursBeat(node int, number uint64) []byte {
	beat := binary.AppendUvarint(append([]byte(nil), oursPublic(node)[:8]...), number)
	return append(beat, make([]byte, 16)...)
}
