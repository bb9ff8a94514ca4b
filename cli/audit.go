package cli

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

func auditCommand() *command {
	return &command{
		name: "audit", args: "REF", group: groupFiles, brief: "have the hosts prove that they hold a file",
		details: "Every host is asked for pieces of its shards drawn by lot, with proofs: the usual number\n" +
			"finds the loss of a tenth with 99 %, for less than 1 MB a host. --full reads every byte.\n" +
			"It ends with 3 when anything is wrong; batchain repair mends that.",
		min: 1, max: 1, want: "which file; batchain ls lists them", complete: kindRef,
		flags: []urfave.Flag{
			yes("full", "read every byte"),
			number("leaves", 44, "pieces of 16 KiB asked of each host"),
		},
		run: runAudit,
	}
}

// maxLeaves is as many as one host can be asked for without wearing it out.
const maxLeaves = 4096

func runAudit(ctx context.Context, s *session, c *urfave.Context) error {
	manifest, err := s.resolve(c.Args().First())
	if err != nil {
		return err
	}
	req := control.AuditRequest{Ref: manifest, Full: c.Bool("full"), Leaves: c.Int("leaves")}
	if req.Leaves < 1 || req.Leaves > maxLeaves {
		return usage(75, "--leaves cannot be %d", req.Leaves).Because("1 to %d are; --full reads everything", maxLeaves)
	}
	var res control.AuditResult
	bar := s.meter(c.Args().First())
	defer bar.close()
	err = s.ask(ctx, true, func(ctx context.Context, client *control.Client) error {
		var err error
		res, err = client.Audit(ctx, req, bar.update)
		return err
	})
	bar.close()
	if err != nil {
		return err
	}
	return s.audited(res, c.Args().First())
}

// audited tells what each host said, and ends with 3 when all is not well. The
// file is called as it was asked for.
func (s *session) audited(res control.AuditResult, ref string) error {
	rows := [][]string{{"HOST", "OK", "WRONG", "MISSING", "TIMEOUT", "UNREACHABLE", "REFUSED"}}
	bad := 0
	for _, h := range res.Hosts {
		if h.Wrong+h.Missing+h.Timeout+h.Unreachable+h.Refused > 0 {
			bad++
		}
		if s.out.json {
			s.out.line("host", h)
		}
		row := []string{h.Peer}
		for _, n := range []int{h.OK, h.Wrong, h.Missing, h.Timeout, h.Unreachable, h.Refused} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, row)
	}
	if !s.out.json && !s.out.quiet {
		s.out.print("%s", grid(rows))
	}
	s.out.result(totals(res), fmt.Sprintf("audited %s  %d of %d hosts in order  health %s  read %s",
		printable(named(res.Name, res.ID)), len(res.Hosts)-bad, len(res.Hosts), healthText(res.Health), humanize.IBytes(uint64(res.BytesReceived))))
	if bad == 0 && res.Health.Margin == res.Health.FullMargin {
		return nil
	}
	if lost := res.Health.Lost; lost > 0 {
		s.out.warn("%d of %d segments cannot be had now: start the hosts that kept them, if there are any", lost, res.Health.Segments)
	} else {
		s.out.note("next    %s", s.out.hints.say("batchain repair "+shellWord(ref)))
	}
	return exitCode(control.ExitShortfall)
}

// auditTotals is the result line of audit --json: sums over the hosts.
type auditTotals struct {
	ID          string `json:"id"`
	Name        string `json:"name,omitempty"`
	Hosts       int    `json:"hosts"`
	OK          int    `json:"ok"`
	Wrong       int    `json:"wrong"`
	Missing     int    `json:"missing"`
	Timeout     int    `json:"timeout"`
	Unreachable int    `json:"unreachable"`
	Refused     int    `json:"refused"`
	control.Health
	BytesReceived int64   `json:"bytes_received"`
	Seconds       float64 `json:"seconds"`
}

func totals(res control.AuditResult) auditTotals {
	sum := auditTotals{ID: res.ID, Name: res.Name, Health: res.Health, BytesReceived: res.BytesReceived, Seconds: res.Seconds}
	sum.Hosts = len(res.Hosts)
	for _, h := range res.Hosts {
		sum.OK += h.OK
		sum.Wrong += h.Wrong
		sum.Missing += h.Missing
		sum.Timeout += h.Timeout
		sum.Unreachable += h.Unreachable
		sum.Refused += h.Refused
	}
	return sum
}

// healthText is how many hosts may be lost, of those that might be when every
// shard is in its place.
func healthText(h control.Health) string {
	switch {
	case h.Gone > 0:
		return "LOST"
	case h.Margin < 0:
		return "NOT NOW"
	}
	return fmt.Sprintf("%d/%d", h.Margin, h.FullMargin)
}

// named is what a file is called; a repair manifest knows no name.
func named(name, id string) string {
	if name == "" {
		return id
	}
	return name
}
