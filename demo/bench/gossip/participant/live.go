package participant

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/live"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
	"github.com/batchain/batchain/demo/bench/gossip/world"
)

// Live is every participant written in Go that can run in real time: what
// starts one node on loopback. The node's Fabric is nil.
var Live = map[string]func(n *world.Node, at live.Place) (world.Member, error){
	oursName:     liveOurs,
	"memberlist": liveMemberlist,
}

// RunLive is the life of one node in real time, until its input ends.
func RunLive(name string, in io.Reader, out io.Writer) error {
	start, known := Live[name]
	if !known {
		return fmt.Errorf("no participant %q in real time", name)
	}
	orders := json.NewDecoder(bufio.NewReader(in))
	var at live.Place
	if err := orders.Decode(&at); err != nil {
		return err
	}
	told := journal.NewUnbufferedWriter(out)
	member, err := start(world.NewLiveNode(at.Index, len(at.Ports), at.Through, told), at)
	if err != nil {
		return err
	}
	defer member.Stop()
	for {
		var c live.Command
		if err := orders.Decode(&c); err != nil {
			return nil // the play is over
		}
		switch c.Do {
		case plan.Set:
			member.Set(c.Key, c.Value)
		case plan.Mark:
			told.WriteCost()
		}
	}
}
