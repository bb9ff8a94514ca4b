package participant

import (
	"bytes"
	"fmt"
	"math"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
	"github.com/batchain/batchain/demo/bench/gossip/world"
)

// memberlistAlive is memberlist's message of that name, which anybody can write.
type memberlistAlive struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []uint8
}

// The first bytes of memberlist's packets that the probes use.
const (
	memberlistAliveByte    = 4
	memberlistCompoundByte = 7
	memberlistCompressByte = 9
	memberlistBytes        = 14 // how many there are
)

// attackMemberlist writes packets to one node that is not the victim; what is
// believed there spreads.
func attackMemberlist(a world.Attack) error {
	port := a.Fabric.Attach(a.Self, nil, nil)
	defer port.Close()
	target := 0
	switch a.Probe {
	case "ghost":
		port.Send(target, memberlistInvented(0))
	case "flood":
		for i := range a.Count {
			port.Send(target, memberlistInvented(i))
		}
	case "forge":
		port.Send(target, memberlistClaim(a.Victim, math.MaxUint32-1, a.Key+"="+a.Value))
	case "future":
		port.Send(target, memberlistClaim(a.Victim, math.MaxUint32, "future="+a.Value))
	case "malformed":
		for _, packet := range memberlistMalformed() {
			port.Send(target, packet)
		}
	default:
		return fmt.Errorf("%w: a memberlist node has one value, so none can be left out", world.ErrNoSuchThing)
	}
	return nil
}

func memberlistInvented(i int) []byte {
	return memberlistEncode(memberlistAlive{Incarnation: 1, Node: fmt.Sprintf("ghost%d", i), Addr: fabric.Addr(1<<20 + i).IP()})
}

func memberlistClaim(node int, incarnation uint32, meta string) []byte {
	return memberlistEncode(memberlistAlive{
		Incarnation: incarnation,
		Node:        memberlistName(node),
		Addr:        fabric.Addr(node).IP(),
		Meta:        []byte(meta),
	})
}

func memberlistEncode(m memberlistAlive) []byte {
	m.Port = uint16(fabric.Addr(0).Port())
	m.Vsn = []uint8{1, 5, 2, 0, 0, 0}
	packet := bytes.NewBuffer([]byte{memberlistAliveByte})
	if err := codec.NewEncoder(packet, &codec.MsgpackHandle{}).Encode(m); err != nil {
		panic(err) // a struct of numbers and bytes
	}
	return packet.Bytes()
}

// memberlistMalformed returns what no node would send: every kind of message
// empty, cut short and of the wrong shape, and lengths that are not true.
func memberlistMalformed() [][]byte {
	var packets [][]byte
	whole := memberlistClaim(1, 1, "")
	for kind := range byte(memberlistBytes) {
		packets = append(packets, []byte{kind}, append([]byte{kind}, whole[1:len(whole)/2]...), []byte{kind, 0xc0}, []byte{kind, 0xdf, 0xff, 0xff, 0xff, 0xff})
	}
	return append(packets, nil,
		[]byte{memberlistCompoundByte, 255, 0xff, 0xff},
		[]byte{memberlistCompressByte, 0x82, 0xa4, 'A', 'l', 'g', 'o', 0, 0xa3, 'B', 'u', 'f', 0xc4, 2, 1, 2},
		memberlistEncode(memberlistAlive{}))
}
