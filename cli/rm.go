package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

func rmCommand() *command {
	return &command{
		name: "rm", args: "REF", group: groupFiles, brief: "delete a file on every host, then its manifest",
		min: 1, max: 1, want: "which file; batchain ls lists them", complete: kindRef,
		flags: []urfave.Flag{yes("yes", "do not ask", "y")},
		run:   runRemove,
	}
}

func runRemove(ctx context.Context, s *session, c *urfave.Context) error {
	manifest, err := s.resolve(c.Args().First())
	if err != nil {
		return err
	}
	if !c.Bool("yes") {
		if err := s.confirm(ctx, "delete "+c.Args().First()+" everywhere"); err != nil {
			return err
		}
	}
	s.resume = "the same command again asks the hosts that are left"
	var res control.RemoveResult
	bar := s.meter(c.Args().First())
	defer bar.close()
	err = s.ask(ctx, true, func(ctx context.Context, client *control.Client) error {
		var err error
		res, err = client.Remove(ctx, control.RemoveRequest{Ref: manifest}, bar.update)
		return err
	})
	bar.close()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("removed %s  %s on %s  id %s", printable(res.Name),
		english.Plural(res.Deleted, "shard", ""), english.Plural(res.Hosts-len(res.Unreached), "host", ""), res.ID)
	if s.out.quiet {
		text = res.ID
	}
	s.out.result(res, text)
	if len(res.Unreached) == 0 {
		return nil
	}
	until := "until their promise ends"
	if res.Noted {
		until = "until a node that runs on this home reaches them; it tries for 60 days"
	}
	s.out.warn("%d of %s did not answer and keep their shards %s: %s", len(res.Unreached), english.Plural(res.Hosts, "host", ""), until, strings.Join(res.Unreached, " "))
	return exitCode(control.ExitShortfall)
}

// confirm asks a person; a script must have said --yes.
func (s *session) confirm(ctx context.Context, what string) error {
	if !isTerminal(s.In) || s.out.json {
		return usage(72, "%s needs --yes", s.line.command().name).Because("there is no terminal to ask at")
	}
	answer, err := s.question(ctx, what+"?", "no")
	if err != nil {
		return err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return usage(73, "nothing was done").Because("the answer was %q", answer)
	}
	return nil
}

// question asks on stderr and reads a line of stdin. An empty answer is the
// usual one. The end of ctx ends the wait, though not the read.
func (s *session) question(ctx context.Context, what, usual string) (string, error) {
	fmt.Fprintf(s.Err, "%s [%s] ", what, usual)
	type read struct {
		line string
		err  error
	}
	got := make(chan read, 1)
	if s.lines == nil {
		s.lines = bufio.NewReader(s.In)
	}
	go func() {
		line, err := s.lines.ReadString('\n')
		got <- read{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case r := <-got:
		if r.err != nil && r.line == "" {
			return "", usage(74, "no answer came").Wrap(r.err)
		}
		if line := strings.TrimSpace(r.line); line != "" {
			return line, nil
		}
		return usual, nil
	}
}
