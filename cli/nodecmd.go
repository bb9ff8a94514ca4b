package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
)

func nodeCommand() *command {
	return &command{
		name: "node", group: groupNodes, brief: "run a node until Ctrl-C or SIGTERM",
		details: "Prints its peer id and addresses, then ready. Settings that are not given here come from\n" +
			"config.toml in the home.",
		flags: []urfave.Flag{
			list("listen", "ADDR…", "multiaddrs to listen at; may be repeated (default port 4170, TCP and QUIC)"),
			text("capacity", "SIZE", "disk to give to others: 50GB (default a tenth of the disk)"),
			yes("no-mdns", "do not look for nodes on the local network"),
			yes("no-storage", "keep nothing for others"),
			text("relay", "HOW", "auto, on or off"),
			text("metrics", "ADDR", "serve /metrics at this TCP address too"),
		},
		run: func(ctx context.Context, s *session, c *urfave.Context) error {
			config, err := s.nodeConfig(c)
			if err != nil {
				return err
			}
			return s.serve(ctx, config)
		},
	}
}

// nodeGarbage is how much garbage a node lets lie, in percent of what is in use:
// half of Go's default. It runs for weeks on a machine that is there for something
// else, and lives in little, so that collecting twice as often costs little.
const nodeGarbage = 50

// tidyHeap sets that, unless GOGC did.
func tidyHeap() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(nodeGarbage)
	}
}

// serve makes a node and runs it.
func (s *session) serve(ctx context.Context, config node.Config) error {
	n, err := node.New(ctx, config)
	if err != nil {
		return err
	}
	return s.run(ctx, n, func(identity) {})
}

// run runs a node until ctx ends. Being told to end is its normal end. more
// tells what is to be told before "ready".
func (s *session) run(ctx context.Context, n *node.Node, more func(identity)) error {
	tidyHeap()
	err := n.Run(ctx, func() {
		known := identity{PeerID: n.ID().String(), Addrs: n.Addrs()}
		if !s.out.json {
			s.out.print("peer id  %s", known.PeerID)
			for _, addr := range known.Addrs {
				s.out.print("address  %s", addr)
			}
		}
		more(known)
		s.out.item("ready", known, "ready")
		s.tellUnanswered(n.Unanswered(ctx))
	})
	if errors.Is(err, node.ErrLeft) {
		s.out.note("left    the mesh; the home stays as it is")
		return nil
	}
	if stopped := new(interruption); errors.As(context.Cause(ctx), &stopped) && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// tellUnanswered warns when none of the nodes answered that this one was to
// begin with: it runs, and is alone.
func (s *session) tellUnanswered(addrs []string) {
	if len(addrs) == 0 {
		return
	}
	message := "nobody answered at " + strings.Join(addrs, " ")
	if s.out.json {
		s.out.line("warning", map[string]any{"message": message, "addrs": addrs})
		return
	}
	s.out.warn("%s\n  why   no node is there now, or none of that peer id; this node runs, and keeps trying\n"+
		"  try   compare with what `batchain id` prints on that machine, while its node runs", message)
}

// invitation is the line that others type to join the mesh of a node.
func invitation(addrs []string, mesh string) string {
	words := []string{"batchain join"}
	if mesh != "" && mesh != node.DefaultMesh {
		words = append(words, "--mesh", mesh)
	}
	return strings.Join(append(words, best(addrs)), " ")
}

// best picks the address that most others can use: no loopback, and TCP, which
// passes more networks.
func best(addrs []string) string {
	chosen, score := "", -1
	for _, addr := range addrs {
		n := 0
		if !strings.HasPrefix(addr, "/ip4/127.") && !strings.HasPrefix(addr, "/ip6/::1/") {
			n += 4
		}
		if strings.HasPrefix(addr, "/ip4/") {
			n += 2
		}
		if strings.Contains(addr, "/tcp/") {
			n++
		}
		if n > score {
			chosen, score = addr, n
		}
	}
	return chosen
}

func listenAt(port int) []string {
	return []string{
		fmt.Sprintf("/ip4/0.0.0.0/tcp/%d", port), fmt.Sprintf("/ip4/0.0.0.0/udp/%d/quic-v1", port),
		fmt.Sprintf("/ip6/::/tcp/%d", port), fmt.Sprintf("/ip6/::/udp/%d/quic-v1", port),
	}
}
