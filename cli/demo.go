package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/demo"
	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

func demoCommand() *command {
	return &command{
		name: "demo", args: "[NAME|all]", group: groupTry, brief: "list the demos, or play one and check every step",
		max: 1, complete: kindDemo,
		flags: []urfave.Flag{number("nodes", 0, "how many nodes (gossip: 3 to 8, default 5)", "n")},
		run:   runDemo,
	}
}

func runDemo(ctx context.Context, s *session, c *urfave.Context) error {
	name := c.Args().First()
	if name == "" {
		return s.listDemos()
	}
	err := demo.Play(ctx, name, demo.Options{Out: s.Out, JSON: s.out.json, Logger: s.logger, Nodes: c.Int("nodes"), Program: program()})
	if errors.Is(err, demo.ErrUnknown) {
		return didYouMean(usage(77, "there is no demo %q", name), closest(name, demoNames()), "batchain demo")
	}
	if errors.Is(err, demo.ErrNodes) {
		return usage(82, "%v", err).Try("batchain demo gossip -n 5")
	}
	return err
}

func (s *session) listDemos() error {
	var rows [][2]string
	for _, d := range demo.List() {
		if s.out.json {
			s.out.line("demo", map[string]any{"number": d.Number, "name": d.Name, "title": d.Title})
		}
		rows = append(rows, [2]string{fmt.Sprintf("%d  %s", d.Number, d.Name), d.Title})
	}
	if !s.out.json {
		s.out.print("%s", unindent(columns(rows)))
	}
	return nil
}

func demoNames() []string {
	var list []string
	for _, d := range demo.List() {
		list = append(list, d.Name)
	}
	return append(list, "all")
}

func demoCandidates() []candidate {
	found := []candidate{{"all", "one after the other"}}
	for _, d := range demo.List() {
		found = append(found, candidate{d.Name, d.Title})
	}
	return found
}

func sampleCommand() *command {
	return &command{
		name: "sample", args: "[-n N] | -u FILE… | -d REF | -l", group: groupTry, brief: "a mesh of nodes on this machine alone, until Ctrl-C",
		details: "While it runs, a second terminal uses it with -u, -d and -l; when none runs, they bring it up\n" +
			"for as long as they take. Its files survive a restart. batchain-sample is the same.",
		max: -1, complete: kindFile,
		flags: []urfave.Flag{
			mode("u", "upload", "put files into the sample mesh"),
			mode("d", "download", "get a file back from it"),
			mode("l", "list", "list its files"),
			number("nodes", 8, "how many nodes", "n"),
			text("dir", "DIR", "its folder (default a temp folder)"),
			text("name", "NAME", "with -u: what the file is known by"),
			text("scheme", "D+P", "with -u: any D of the D+P shards bring a segment back"),
			text("output", "OUT|-", "with -d: where to", "o"),
			yes("force", "with -d: replace what is there"),
		},
		run: runSample,
	}
}

func runSample(ctx context.Context, s *session, c *urfave.Context) error {
	s.out.hints.sample = []string{}
	if c.IsSet("dir") {
		s.out.hints.sample = append(s.out.hints.sample, "--dir", shellWord(c.String("dir")))
	}
	if c.IsSet("nodes") {
		s.out.hints.sample = append(s.out.hints.sample, "-n", strconv.Itoa(c.Int("nodes")))
	}
	use, err := sampleUse(c)
	if err != nil {
		return err
	}
	err = s.sample(ctx, c, use)
	if busy := new(node.HomeBusy); errors.As(err, &busy) {
		return control.NewError(control.ExitHomeBusy, 50, "this sample mesh runs already, or ends just now").Wrap(err).
			Because("process %d holds %s", busy.PID, busy.Home).
			Try("batchain sample -l", fmt.Sprintf("kill %d", busy.PID), "--dir DIR for a second sample mesh")
	}
	return err
}

// sample runs the sample mesh, or uses it.
func (s *session) sample(ctx context.Context, c *urfave.Context, use func(context.Context, *session, *urfave.Context) error) error {
	dir := c.String("dir")
	if dir == "" {
		dir = demo.SampleDir()
	}
	if n := c.Int("nodes"); n < 1 || n > 256 {
		return usage(78, "a sample mesh has 1 to 256 nodes, not %d", n)
	}
	s.home = demo.SampleHome(dir)
	s.out.hints.common = []string{"--home=" + s.home}
	opts := demo.SampleOptions{Nodes: c.Int("nodes"), Dir: dir, Logger: s.logger}
	if use == nil {
		opts.Out = sampleUp{s}
		err := demo.Sample(ctx, opts)
		if stopped := new(interruption); errors.As(context.Cause(ctx), &stopped) && (err == nil || errors.Is(err, context.Canceled)) {
			return nil
		}
		return err
	}
	if c.Bool("list") || answers(ctx, node.SocketPath(s.home)) { // a list asks nobody
		return use(ctx, s, c)
	}
	s.out.note("no sample mesh runs; one is brought up for this command")
	opts.Use = func(ctx context.Context, _ string) error { return use(ctx, s, c) }
	return demo.Sample(ctx, opts)
}

// sampleUse returns what is to be done with the sample mesh, nil for running it.
func sampleUse(c *urfave.Context) (use func(context.Context, *session, *urfave.Context) error, err error) {
	var chosen []string
	for _, name := range []string{"upload", "download", "list"} {
		if c.Bool(name) {
			chosen = append(chosen, "-"+name[:1])
		}
	}
	args := c.NArg()
	switch {
	case len(chosen) > 1:
		return nil, usage(52, "%s are two commands", strings.Join(chosen, " and ")).Try("give one of them")
	case c.Bool("upload") && args == 0:
		return nil, usage(55, "-u needs more: a file, or - for stdin").Try("batchain help sample")
	case c.Bool("download") && args != 1:
		return nil, usage(55, "-d needs one file, not %d", args).Try("batchain sample -l")
	case len(chosen) == 0 && args > 0, c.Bool("list") && args > 1:
		return nil, usage(56, "%q is one argument too many for sample", c.Args().Get(args-1)).Try("batchain help sample")
	case c.Bool("upload"):
		return runPut, nil
	case c.Bool("download"):
		return runGet, nil
	case c.Bool("list"):
		return runList, nil
	}
	return nil, nil
}

// sampleUp is told once, when the mesh is up.
type sampleUp struct{ s *session }

func (w sampleUp) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	w.s.out.item("ready", map[string]string{"home": w.s.home, "text": text}, text)
	say := w.s.out.hints.say
	w.s.out.note("in a second terminal:  %s   %s   %s", say("batchain -u FILE"), say("batchain -l"), say("batchain -d REF"))
	return len(b), nil
}

// program is the path of this program, "" where the system does not tell.
func program() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}
