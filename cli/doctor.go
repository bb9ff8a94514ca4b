package cli

import (
	"context"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

func doctorCommand() *command {
	return &command{
		name: "doctor", group: groupNodes, brief: "check this node, and say what to do",
		details: "Looks at configuration, identity, clock, ports and disk and, where a node runs, at how others\nreach it and why. Ends with 3 when something is found.",
		run:     runDoctor,
	}
}

func runDoctor(ctx context.Context, s *session, _ *urfave.Context) error {
	found, err := s.examine(ctx)
	if err != nil {
		return err
	}
	sound := true
	var rows [][2]string
	for _, f := range found {
		sound = sound && f.OK
		mark := "ok"
		if !f.OK {
			mark = "finding"
		}
		if s.out.json {
			s.out.line("check", f)
			continue
		}
		rows = append(rows, [2]string{mark, f.Check + ": " + printable(f.Text)})
		if f.Hint != "" {
			rows = append(rows, [2]string{"", "  try " + f.Hint})
		}
	}
	if !s.out.json {
		s.out.print("%s", unindent(columns(rows)))
	}
	if !sound {
		return exitCode(control.ExitShortfall)
	}
	return nil
}

// examine goes through all checks.
func (s *session) examine(ctx context.Context) ([]node.Finding, error) {
	config, err := s.config()
	if err == nil {
		err = config.Validate()
	}
	if err != nil {
		return []node.Finding{{Check: "config", Text: err.Error(), Hint: "batchain config check"}}, nil
	}
	found := []node.Finding{{Check: "config", OK: true, Text: "in order"}}
	client, err := s.running(ctx)
	if err != nil {
		return append(append(found, node.Examine(config, false)...), node.Finding{
			Check: "reachability", OK: true, Text: "no node runs; how others reach it shows while it does",
		}), nil
	}
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	return append(append(found, node.Examine(config, true)...), node.ExamineStatus(status)...), nil
}
