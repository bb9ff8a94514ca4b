package participant

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/demo/bench/gossip/world"
	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/wire"
)

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
