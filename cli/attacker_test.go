package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/util"
)

// attackerEnv makes this program an attacker; see [land.attack].
const attackerEnv = "BATCHAIN_TEST_ATTACKER"

// The attack: so many peers on so many machines, of which each has an address of
// its own, ask for so many circuits in a minute.
const (
	attackMachines = 4
	attackPeers    = 50 // on each machine
	attackRequests = 10_000
	attackTime     = time.Minute
)

// beAttacker returns where this program is to be nothing else. Else it asks a relay for circuits to a target from many peers, and holds
// those that it gets: its arguments are the relay's address and the target. It
// begins and stops as stdin says, and tells at its end how it was answered.
func beAttacker() {
	if os.Getenv(attackerEnv) == "" {
		return
	}
	ctx := context.Background()
	relay, err := peer.AddrInfoFromString(os.Args[1])
	if err != nil {
		panic(err)
	}
	target, err := peer.Decode(os.Args[2])
	if err != nil {
		panic(err)
	}
	hosts := attackers(ctx, *relay)
	fmt.Println("ready")
	words := make(chan string)
	go func() {
		defer close(words)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			words <- lines.Text()
		}
	}()
	tick := time.NewTicker(attackTime * attackMachines / attackRequests)
	var mu sync.Mutex
	answers, asked := map[string]int{}, 0
	for going := false; ; {
		select {
		case word, open := <-words:
			if !open {
				mu.Lock()
				fmt.Println(asked, "requests:", answers)
				os.Exit(0)
			}
			going = word == "go"
		case <-tick.C:
			if !going {
				continue
			}
			asked++
			go func() {
				answer := askCircuit(ctx, hosts[asked%len(hosts)], *relay, target)
				mu.Lock()
				defer mu.Unlock()
				answers[answer]++
			}()
		}
	}
}

// attackers are peers with connections to a relay.
func attackers(ctx context.Context, relay peer.AddrInfo) []host.Host {
	var hosts []host.Host
	for range attackPeers {
		h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableRelay(), libp2p.ResourceManager(&network.NullResourceManager{}))
		if err != nil {
			panic(err)
		}
		if err := h.Connect(ctx, relay); err != nil {
			panic(err)
		}
		hosts = append(hosts, h)
	}
	return hosts
}

// askCircuit asks for one circuit and returns the relay's answer. A circuit is
// left open.
func askCircuit(ctx context.Context, h host.Host, relay peer.AddrInfo, target peer.ID) string {
	if h.Network().Connectedness(relay.ID) != network.Connected {
		if err := h.Connect(ctx, relay); err != nil {
			return "no connection"
		}
	}
	s, err := h.NewStream(ctx, relay.ID, proto.ProtoIDv2Hop)
	if err != nil {
		return "no stream"
	}
	_ = s.SetDeadline(time.Now().Add(10 * time.Second))
	m := pb.HopMessage{Type: pb.HopMessage_CONNECT.Enum(), Peer: util.PeerInfoToPeerV2(peer.AddrInfo{ID: target})}
	if err := util.NewDelimitedWriter(s).WriteMsg(&m); err != nil {
		_ = s.Reset()
		return "no request"
	}
	m.Reset()
	r := util.NewDelimitedReader(s, 4096)
	defer r.Close()
	if err := r.ReadMsg(&m); err != nil {
		_ = s.Reset()
		return "no answer"
	}
	if m.GetStatus() != pb.Status_OK {
		_ = s.Close()
	}
	return m.GetStatus().String()
}
