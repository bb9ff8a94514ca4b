package participant

import (
	"encoding/json"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/live"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// Two nodes on loopback find each other, and one sees what the other sets.
func TestLiveNodes(t *testing.T) {
	for name := range Live {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ports := []int{freePort(t), freePort(t)}
			var ends sync.WaitGroup
			defer ends.Wait()
			orders, events := make([]*json.Encoder, 2), make([]*json.Decoder, 2)
			for index, through := range [][]int{nil, {0}} {
				in, input := io.Pipe()
				output, out := io.Pipe()
				orders[index], events[index] = json.NewEncoder(input), json.NewDecoder(output)
				ends.Go(func() {
					if err := RunLive(name, in, out); err != nil {
						t.Errorf("node %d: %v", index, err)
					}
				})
				defer func() { _ = input.Close() }() // ends the node
				defer func() { _ = out.Close() }()
				if err := orders[index].Encode(live.Place{Index: index, Ports: ports, Through: through}); err != nil {
					t.Fatal(err)
				}
			}
			until(t, events[1], func(e journal.Event) bool { return e.Kind == journal.Live && e.Peer == 0 })
			ends.Go(func() { drain(events[1]) })
			if err := orders[1].Encode(live.Command{Do: plan.Set, Key: "k", Value: "7.x"}); err != nil {
				t.Fatal(err)
			}
			until(t, events[0], func(e journal.Event) bool {
				return e.Kind == journal.Value && e.Peer == 1 && e.Key == "k" && e.Value == "7."
			})
		})
	}
}

// until reads events until one is as wanted.
func until(t *testing.T, events *json.Decoder, wanted func(e journal.Event) bool) {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() { panic("nothing came for a minute") })
	defer late.Stop()
	for {
		var e journal.Event
		if err := events.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if wanted(e) {
			return
		}
	}
}

// drain reads on, so that nobody waits to be heard.
func drain(events *json.Decoder) {
	for {
		var e journal.Event
		if events.Decode(&e) != nil {
			return
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
