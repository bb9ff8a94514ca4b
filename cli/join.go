package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/labour"
)

func joinCommand() *command {
	return &command{
		name: "join", args: "[ADDR…]", group: groupNodes, brief: "give disk and processor to a mesh: asks, writes config.toml, runs the node",
		details: "ADDR is what another node prints as its address. Without one the mesh is looked for on the\n" +
			"local network, and where there is none this node is the first of a new one. Nothing is asked\n" +
			"without a terminal, nor about what a flag says.",
		max: -1,
		flags: []urfave.Flag{
			list("address", "ADDR…", "full address of a node of the mesh, as ADDR"),
			text("capacity", "SIZE", "disk to give to others: 50GB (default a tenth of the disk)"),
			number("port", 0, fmt.Sprintf("TCP and UDP port to listen at (default %d)", node.DefaultPort)),
			list("listen", "ADDR…", "multiaddrs to listen at, instead of a port"),
			yes("no-mdns", "do not look for nodes on the local network"),
			yes("work", "do units of work for any node of the mesh, see batchain work volunteer"),
			number("slots", 0, "units at once (default half the processors)"),
		},
		run: runJoin,
	}
}

// joinConfig is the node's configuration as the flags, the file and the
// answers make it, and what they say about volunteering: nil for nothing.
func (s *session) joinConfig(ctx context.Context, c *urfave.Context) (node.Config, *control.VolunteerRequest, error) {
	config, err := s.config()
	if err != nil {
		return config, nil, err
	}
	if err := s.joinAddresses(ctx, c, &config); err != nil {
		return config, nil, err
	}
	if err := s.joinCapacity(ctx, c, &config); err != nil {
		return config, nil, err
	}
	volunteer, err := s.joinWork(ctx, c)
	if err != nil {
		return config, nil, err
	}
	if err := s.joinListen(ctx, c, &config); err != nil {
		return config, nil, err
	}
	if c.IsSet("no-mdns") {
		config.NoMDNS = c.Bool("no-mdns")
	}
	return config, volunteer, config.Validate()
}

func runJoin(ctx context.Context, s *session, c *urfave.Context) error {
	config, volunteer, err := s.joinConfig(ctx, c)
	if err != nil {
		return err
	}
	// The lock comes first: whoever runs on this home keeps its configuration.
	n, err := node.New(ctx, config)
	if err != nil {
		return err
	}
	path := node.Home(s.home).ConfigFile()
	if err := node.SaveConfig(path, config); err != nil {
		return errors.Join(err, n.Close())
	}
	if volunteer != nil {
		v, err := n.Volunteer(ctx, *volunteer)
		if err != nil {
			return errors.Join(err, n.Close())
		}
		s.out.note("work    %s", volunteerText(&v))
	}
	s.out.note("settings are in %s", path)
	return s.run(ctx, n, func(known identity) {
		line := invitation(known.Addrs, config.Mesh)
		s.out.item("invitation", map[string]string{"line": line}, "others join with:  "+line)
	})
}

// asks tells whether questions make sense.
func (s *session) asks() bool { return !s.out.json && isTerminal(s.In) && isTerminal(s.Err) }

func (s *session) joinAddresses(ctx context.Context, c *urfave.Context, config *node.Config) error {
	given := append(c.Args().Slice(), c.StringSlice("address")...)
	if len(given) > 0 {
		config.Bootstrap = given
		return s.judge("the address", strings.Join(given, " "), node.Config{Bootstrap: given})
	}
	if len(config.Bootstrap) > 0 || !s.asks() {
		return nil
	}
	answer, err := s.question(ctx, "address of a node of the mesh", "look on this network, else begin a new mesh")
	if err != nil || !strings.HasPrefix(answer, "/") {
		return err
	}
	config.Bootstrap = strings.Fields(answer)
	return s.judge("the address", answer, node.Config{Bootstrap: config.Bootstrap})
}

func (s *session) joinCapacity(ctx context.Context, c *urfave.Context, config *node.Config) error {
	given, usual := c.String("capacity"), "a tenth of the disk"
	if config.Capacity > 0 {
		usual = humanize.Bytes(uint64(config.Capacity))
	}
	if config.NoStorage {
		usual = "nothing"
	}
	if given == "" && s.asks() {
		answer, err := s.question(ctx, "disk to give to others", usual)
		if err != nil {
			return err
		}
		if answer != usual {
			given = answer
		}
	}
	if given == "" {
		return nil
	}
	return s.setCapacity(config, given)
}

func (s *session) joinListen(ctx context.Context, c *urfave.Context, config *node.Config) error {
	if c.IsSet("listen") {
		return s.setListen(c, config)
	}
	port := c.Int("port")
	if !c.IsSet("port") {
		if len(config.Listen) > 0 || !s.asks() {
			return nil
		}
		answer, err := s.question(ctx, "port to listen at", strconv.Itoa(node.DefaultPort))
		if err != nil {
			return err
		}
		if port, err = strconv.Atoi(answer); err != nil {
			return usage(75, "%q is no port", answer)
		}
		if port == node.DefaultPort {
			return nil
		}
	}
	if port < 1 || port > 65535 {
		return usage(75, "%d is no port", port).Because("1 to 65535 are")
	}
	config.Listen = listenAt(port)
	return nil
}

// asBefore is the answer that changes nothing.
const asBefore = "as before, else no"

// joinWork returns what the flags or the answers say about doing units of work
// for others, nil for nothing.
func (s *session) joinWork(ctx context.Context, c *urfave.Context) (*control.VolunteerRequest, error) {
	req := &control.VolunteerRequest{Slots: c.Int("slots")}
	switch {
	case c.IsSet("work"):
		req.Off = !c.Bool("work")
		return req, nil
	case req.Slots != 0:
		return req, nil
	case !s.asks():
		return nil, nil
	}
	answer, err := s.question(ctx, "do units of work for others, yes or no", asBefore)
	if err != nil || answer == asBefore {
		return nil, err
	}
	switch strings.ToLower(answer) {
	case "yes", "y":
	case "no", "n":
		req.Off = true
		return req, nil
	default:
		return nil, usage(94, "%q is neither yes nor no", answer)
	}
	answer, err = s.question(ctx, "units at once", strconv.Itoa(labour.DefaultSlots()))
	if err != nil {
		return nil, err
	}
	if req.Slots, err = strconv.Atoi(answer); err != nil || req.Slots < 1 {
		return nil, usage(95, "%q is no number of units", answer)
	}
	return req, nil
}

// present tells whether a file is there.
func present(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
