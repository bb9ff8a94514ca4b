package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/labour"
)

func workCommand() *command {
	return &command{
		name: "work", args: "submit|ls|show|results|pause|resume|cancel|volunteer|run", group: groupWork,
		brief: "have volunteers compute, or be one",
		subs: []*command{
			{
				name: "submit", args: ProjectArg, group: groupWork, brief: "make a project on this node and hand out its units while it runs",
				details: labour.ProjectHelp, min: 1, max: 1, want: "a " + labour.ProjectFile + ", or the folder that holds one", complete: kindFile,
				run: runWorkSubmit,
			},
			{name: "ls", group: groupWork, brief: "list this node's projects", run: runWorkList},
			{
				name: "show", args: "PROJECT", group: groupWork, brief: "how a project stands, and when it may be done",
				min: 1, max: 1, want: "a project", complete: kindProject, run: runWorkShow,
			},
			workResultsCommand(),
			steerCommand(control.Pause, "hand out no more units until it is resumed; results are taken"),
			steerCommand(control.Resume, "go on after a pause"),
			steerCommand(control.Cancel, "end a project for good; what came of it so far stays"),
			workVolunteerCommand(),
			workRunCommand(),
		},
	}
}

// ProjectArg is how the help shows what is submitted.
const ProjectArg = labour.ProjectFile + "|DIR"

func runWorkSubmit(ctx context.Context, s *session, c *urfave.Context) error {
	path, err := filepath.Abs(c.Args().First())
	if err != nil {
		return err
	}
	var p control.Project
	own, err := s.askOnce(ctx, func(ctx context.Context, client *control.Client) error {
		p, err = client.Submit(ctx, control.SubmitRequest{Path: path}, func(control.Progress) {})
		return err
	})
	if err != nil {
		return err
	}
	s.out.result(p, fmt.Sprintf("%s  %s", p.Name, unitsText(&p)))
	if own {
		s.out.note("its units are handed out while a node runs here:  %s", s.out.hints.say("batchain node"))
	} else {
		s.out.note("follow it with:  %s", s.out.hints.say("batchain work results "+p.Name+" --follow"))
	}
	return nil
}

func unitsText(p *control.Project) string {
	if p.Total < 0 {
		return fmt.Sprintf("%d units so far", p.Made)
	}
	return fmt.Sprintf("%d units", p.Total)
}

// projects asks for one project, or all when the name is empty.
func (s *session) projects(ctx context.Context, name string) ([]control.Project, error) {
	var list control.ProjectList
	err := s.ask(ctx, true, func(ctx context.Context, client *control.Client) (err error) {
		list, err = client.Projects(ctx, control.ProjectsRequest{Name: name})
		return err
	})
	return list.Projects, err
}

func runWorkList(ctx context.Context, s *session, _ *urfave.Context) error {
	all, err := s.projects(ctx, "")
	if err != nil {
		return err
	}
	rows := [][]string{{"PROJECT", "STATE", "DONE", "FAILED", "OF", "ETA"}}
	for i := range all {
		p := &all[i]
		if s.out.json {
			s.out.line("project", p)
			continue
		}
		rows = append(rows, []string{p.Name, p.State, fmt.Sprint(p.Valid), fmt.Sprint(p.Failed), totalText(p), etaText(p)})
	}
	if !s.out.json && len(all) > 0 {
		s.out.print("%s", grid(rows))
	}
	return nil
}

func totalText(p *control.Project) string {
	if p.Total < 0 {
		return "?"
	}
	return fmt.Sprint(p.Total)
}

func etaText(p *control.Project) string {
	if p.EtaS < 0 {
		return "-"
	}
	return time.Duration(p.EtaS * float64(time.Second)).Round(time.Second).String()
}

func runWorkShow(ctx context.Context, s *session, c *urfave.Context) error {
	found, err := s.projects(ctx, c.Args().First())
	if err != nil || len(found) == 0 {
		return err
	}
	s.out.result(found[0], projectText(&found[0]))
	return nil
}

func projectText(p *control.Project) string {
	rows := [][2]string{
		{"project", p.Name}, {"state", p.State}, {"program", printable(p.Program)}, {"rule", p.Rule},
		{"units", fmt.Sprintf("%s, %d made, %d under way", totalText(p), p.Made, p.Open)},
		{"done", fmt.Sprintf("%d valid, %d failed, %d cancelled", p.Valid, p.Failed, p.Cancelled)},
		{"attempts", fmt.Sprintf("%d handed out, %d now; %d of them spot checks", p.Attempts, p.Active, p.Checks)},
		{"volunteers", fmt.Sprintf("%d here", p.Bees)},
		{"ETA", etaText(p)},
	}
	if why := waitText(p); why != "" {
		rows = append(rows, [2]string{"waits", why})
	}
	for i, peer := range p.Caught {
		label := ""
		if i == 0 {
			label = "caught"
		}
		rows = append(rows, [2]string{label, peer})
	}
	for _, lack := range p.Declined {
		rows = append(rows, [2]string{"declined", fmt.Sprintf("by %d volunteers, who do not give it: %s", lack.Bees, printable(lack.Why))})
	}
	if p.Results != "" {
		rows = append(rows, [2]string{"results", p.Results})
	}
	if p.Trouble != "" {
		rows = append(rows, [2]string{"trouble", printable(p.Trouble)})
	}
	return strings.TrimRight(unindent(columns(rows)), "\n")
}

// waitText says why nothing is under way, "" when something is or nothing has to be.
func waitText(p *control.Project) string {
	switch {
	case p.State != "running" || p.Active > 0 || p.Trouble != "" || p.Ended() == p.Made:
		return ""
	case p.Bees == 0:
		return "for volunteers: batchain work volunteer, on another node"
	case p.Waiting > 0:
		return fmt.Sprintf("for more volunteers: %d units want another one than those that did them", p.Waiting)
	}
	return ""
}

// steerCommand is a command that tells a project to go another way.
func steerCommand(to, brief string) *command {
	return &command{
		name: to, args: "PROJECT", group: groupWork, brief: brief, min: 1, max: 1, want: "a project", complete: kindProject,
		run: func(ctx context.Context, s *session, c *urfave.Context) error {
			var p control.Project
			err := s.ask(ctx, true, func(ctx context.Context, client *control.Client) (err error) {
				p, err = client.Steer(ctx, control.SteerRequest{Name: c.Args().First(), To: to})
				return err
			})
			if err != nil {
				return err
			}
			s.out.result(p, p.Name+"  "+p.State)
			return nil
		},
	}
}

func workVolunteerCommand() *command {
	return &command{
		name: "volunteer", args: "[--hive PEER…|--any]", group: groupWork, brief: "do units of other nodes' projects, from now on and after every start",
		details: "Units run in a sandbox without network and files: modules in any case, commands only those that\n" +
			"are allowed by name, and only where every layer of it holds (batchain doctor names them). What is\n" +
			"said takes the place of all that was said before: what is left out is the default again.",
		flags: []urfave.Flag{
			list("hive", "PEER…", "peer id or address of a node whose units are done; may be repeated"),
			yes("any", "those of any node of the mesh (the default)"),
			number("slots", 0, "units at once (default half the processors)"),
			number("max-seconds", 0, "units that may take longer are not done (default a day)"),
			text("max-memory", "SIZE", "units that may use more memory are not done: 512MiB (default 1GiB)"),
			text("hours", "FROM-TO", "when units are done, by this machine's clock: 22-7 (default always)"),
			list("allow-native", "NAME…", "a command that units may use: NAME, or 'NAME=PROGRAM ARG…'; may be repeated"),
			yes("off", "do none any more"),
		},
		run: runWorkVolunteer,
	}
}

func runWorkVolunteer(ctx context.Context, s *session, c *urfave.Context) error {
	req := control.VolunteerRequest{Off: c.Bool("off"), Hives: c.StringSlice("hive"), Slots: c.Int("slots"), Wall: c.Int("max-seconds"), Hours: c.String("hours"), Native: c.StringSlice("allow-native")}
	if c.IsSet("max-memory") {
		var err error
		if req.Memory, err = parseSize(s.named("max-memory"), c.String("max-memory")); err != nil {
			return err
		}
	}
	switch {
	case c.Bool("any") && len(req.Hives) > 0:
		return usage(90, "--any and --hive cannot both be meant").Try("batchain work volunteer --any")
	case req.Off && (c.Bool("any") || len(req.Hives)+len(req.Native)+req.Slots+req.Wall > 0 || req.Memory > 0 || req.Hours != ""):
		return usage(91, "--off stands alone").Try("batchain work volunteer --off")
	}
	var v control.Volunteering
	own, err := s.askOnce(ctx, func(ctx context.Context, client *control.Client) (err error) {
		v, err = client.Volunteer(ctx, req)
		return err
	})
	if err != nil {
		return err
	}
	s.out.result(v, volunteerText(&v))
	if own && v.On {
		s.out.note("they do while a node runs here:  %s", s.out.hints.say("batchain node"))
	}
	return nil
}

func volunteerText(v *control.Volunteering) string {
	if !v.On {
		return "no units are done for others"
	}
	text := fmt.Sprintf("up to %d at once of the units of ", v.Slots)
	if len(v.Hives) == 0 {
		text += "any node"
	} else {
		text += strings.Join(v.Hives, ", ")
	}
	if v.Hours != "" {
		text += ", in the hours " + v.Hours
	}
	if len(v.Native) > 0 {
		text += "; commands: " + strings.Join(v.Native, ", ")
	}
	return text
}
