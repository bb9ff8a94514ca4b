package cli

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

func repairCommand() *command {
	return &command{
		name: "repair", args: "REF", group: groupFiles, brief: "make anew what a file has lost, on other hosts",
		details: "What is left is read, what is lost is made again, and nothing else is moved. A repair\n" +
			"manifest does for it: the key that reads the file is not needed.",
		min: 1, max: 1, want: "which file; batchain ls lists them", complete: kindRef,
		run: runRepair,
	}
}

func runRepair(ctx context.Context, s *session, c *urfave.Context) error {
	manifest, err := s.resolve(c.Args().First())
	if err != nil {
		return err
	}
	s.resume = "the same command again mends the rest"
	var res control.RepairResult
	bar := s.meter(c.Args().First())
	defer bar.close()
	err = s.ask(ctx, true, func(ctx context.Context, client *control.Client) error {
		var err error
		res, err = client.Repair(ctx, control.RepairRequest{Ref: manifest}, bar.update)
		return err
	})
	bar.close()
	if err != nil {
		return err
	}
	s.out.result(res, fmt.Sprintf("repaired %s  %s made anew  health %s  read %s  sent %s", printable(named(res.Name, res.ID)),
		humanize.Comma(int64(res.Rebuilt))+" shards", healthText(res.Health), humanize.IBytes(uint64(res.BytesReceived)), humanize.IBytes(uint64(res.BytesSent))))
	switch {
	case res.Shortfall != "":
		s.out.warn("%s", printable(res.Shortfall))
	case res.Health.Margin < res.Health.FullMargin:
		s.out.warn("the file stands the loss of %d hosts, not of %d: some hosts hold two shards of a segment, or do not answer", res.Health.Margin, res.Health.FullMargin)
	default:
		return nil
	}
	return exitCode(control.ExitShortfall)
}

func keepCommand() *command {
	return &command{
		name: "keep", args: "MANIFEST", group: groupFiles, brief: "look after a file for its owner",
		details: "The node that runs here audits, renews and repairs the file from now on, in turn with its\n" +
			"other keepers. A repair manifest does for it (batchain manifest export --repair).",
		min: 1, max: 1, want: "a repair manifest", complete: kindFile,
		run: runKeep,
	}
}

func runKeep(ctx context.Context, s *session, c *urfave.Context) error {
	manifest, err := s.resolve(c.Args().First())
	if err != nil {
		return err
	}
	client, err := s.running(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	res, err := client.Keep(ctx, control.KeepRequest{Ref: manifest}, func(control.Progress) {})
	if err != nil {
		return err
	}
	s.out.result(res, "keeping "+res.Locator)
	return nil
}
