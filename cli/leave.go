package cli

import (
	"context"
	"fmt"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

func leaveCommand() *command {
	return &command{
		name: "leave", group: groupNodes, brief: "end the node that runs here, for good",
		details: "With --evacuate it first hands every shard on to another host. What nobody takes stays\n" +
			"in the home, and the node goes on running.",
		flags: []urfave.Flag{yes("evacuate", "hand its shards on to other hosts first")},
		run:   runLeave,
	}
}

func runLeave(ctx context.Context, s *session, c *urfave.Context) error {
	client, err := s.running(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	s.resume = "the same command again hands on the rest"
	bar := s.meter("leave")
	defer bar.close()
	res, err := client.Leave(ctx, control.LeaveRequest{Evacuate: c.Bool("evacuate")}, bar.update)
	bar.close()
	if err != nil {
		return err
	}
	text := "left"
	if c.Bool("evacuate") {
		text = fmt.Sprintf("left    %d of %d shards have new hosts", res.Moved, res.Shards)
	}
	s.out.result(res, text)
	if left := res.Left + res.NotesLeft; left > 0 {
		s.out.warn("nobody took %d shards and notes: the node goes on running; try again when there are more hosts", left)
		return exitCode(control.ExitShortfall)
	}
	return nil
}
