package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

func workResultsCommand() *command {
	return &command{
		name: "results", args: "PROJECT", group: groupWork, brief: "what came of a project's units, one line of JSON each, in their order",
		details: "A line holds seq, state (valid, failed or cancelled), output or reason, fuel, attempts and the bees\n" +
			"that agreed. It ends with 14 when a unit failed.",
		min: 1, max: 1, want: "a project", complete: kindProject,
		flags: []urfave.Flag{
			yes("follow", "wait for results until the project has ended"),
			number("from", 0, "number of the first unit"),
		},
		run: runWorkResults,
	}
}

// following is what results has shown.
type following struct {
	*session
	req    control.ResultsRequest
	shown  uint64
	failed uint64
	reason string // of the first unit that failed
}

func runWorkResults(ctx context.Context, s *session, c *urfave.Context) error {
	if c.Int("from") < 0 {
		return usage(92, "--from cannot be %d", c.Int("from"))
	}
	f := &following{session: s, req: control.ResultsRequest{Name: c.Args().First(), From: uint64(c.Int("from")), Follow: c.Bool("follow")}}
	s.resume = fmt.Sprintf("batchain work results %s --follow --from N goes on at unit N", f.req.Name)
	var err error
	if f.req.Follow {
		err = f.follow(ctx)
	} else {
		err = s.ask(ctx, true, f.results)
	}
	if err != nil && !errors.Is(err, errNobodyReads) {
		return err
	}
	if f.failed > 0 {
		return control.NewError(control.ExitUnit, 50, "%d of %d units failed", f.failed, f.shown).Because("the first: %s", printable(f.reason))
	}
	return nil
}

// follow shows results as they come, and on stderr how far the project is.
func (f *following) follow(ctx context.Context) error {
	client, err := f.running(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	telling, stop := context.WithCancel(ctx)
	var teller sync.WaitGroup
	teller.Go(func() { f.tellProgress(telling, client) })
	err = f.results(ctx, client)
	stop()
	teller.Wait()
	return err
}

// errNobodyReads ends the results when stdout is closed.
var errNobodyReads = errors.New("nobody reads")

func (f *following) results(ctx context.Context, client *control.Client) error {
	return client.Results(ctx, f.req, func(d control.Datachunk) error {
		f.req.From = d.Seq + 1 // another node goes on there, when this one ends
		f.shown++
		if d.State == "failed" {
			if f.failed++; f.failed == 1 {
				f.reason = d.Reason
			}
		}
		if f.out.json {
			f.out.line("datachunk", d)
		} else {
			text, err := json.Marshal(d)
			if err != nil {
				return err
			}
			f.out.print("%s", text)
		}
		if f.out.isBroken() {
			return errNobodyReads
		}
		return nil
	})
}

// How often it is told how far a project is: for scripts, and for people.
const (
	tellScripts = time.Second
	tellPeople  = 10 * time.Second
)

func (f *following) tellProgress(ctx context.Context, client *control.Client) {
	every := tellPeople
	switch {
	case f.out.json:
		every = tellScripts
	case f.out.quiet:
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		list, err := client.Projects(ctx, control.ProjectsRequest{Name: f.req.Name})
		if err != nil || len(list.Projects) == 0 {
			continue
		}
		p := &list.Projects[0]
		if f.out.json {
			f.out.line("progress", map[string]any{"phase": "work", "done": p.Ended(), "total": p.Total, "eta_s": p.EtaS})
			continue
		}
		f.out.note("%s", workProgressText(p))
	}
}

// workProgressText is one line of how far a project is.
func workProgressText(p *control.Project) string {
	text := fmt.Sprintf("%s  %s  %d of %s units", p.Name, p.State, p.Ended(), totalText(p))
	if p.Total > 0 {
		text += fmt.Sprintf("  %d %%", p.Ended()*100/uint64(p.Total))
	}
	text += "  ETA " + etaText(p)
	if p.Trouble != "" {
		text += "  " + printable(p.Trouble)
	}
	return text
}
