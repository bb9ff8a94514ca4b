package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/shard"
)

// oddsTrials is how many years are simulated of each scheme.
const oddsTrials = 100_000

// oddsModel says what the figures rest on.
const oddsModel = "hosts die for ever, and independently of each other: nothing here knows of failures that come\n" +
	"together (one power cut, one provider, one person with many hosts), and those are what files are lost by"

func oddsCommand() *command {
	return &command{
		name: "odds", group: groupRest, brief: "the chance of losing a file in a year, by a model",
		details: "Half of the hosts die within the half-life, audits notice it, and a repair of 6 h begins when\n" +
			"the margin is half used up. CHANCE is exact for this model, SIMULATED is what years played by\n" +
			"chance leave as its bounds (95 %). The defaults are assumptions: a half-life of 1 year, and 24 h\n" +
			"until a host that cannot be reached counts as lost. In the model " + oddsModel + ".",
		flags: []urfave.Flag{
			text("scheme", "D+P", "of this scheme only: any D of the D+P shards bring a segment back"),
			text("half-life", "DUR", "the time within which half of the hosts die (default 1y)"),
			text("audit-every", "DUR", "how long a death may stay unnoticed (default 1d)"),
		},
		run: runOdds,
	}
}

// oddsLine is a scheme as odds --json shows it.
type oddsLine struct {
	Scheme     string  `json:"scheme"`
	Hosts      int     `json:"hosts"`
	HalfLifeS  float64 `json:"half_life_s"`
	AuditS     float64 `json:"audit_every_s"`
	RepairS    float64 `json:"repair_s"`
	Chance     float64 `json:"chance"` // exact for the model
	Trials     int     `json:"trials"`
	Lost       int     `json:"lost"`
	Low        float64 `json:"low"` // bounds of the trials, 95 %
	High       float64 `json:"high"`
	Assumption string  `json:"assumption"`
}

func runOdds(ctx context.Context, s *session, c *urfave.Context) error {
	model, schemes, err := s.oddsModel(c)
	if err != nil {
		return err
	}
	rows := [][]string{{"SCHEME", "HOSTS", "CHANCE", "SIMULATED"}}
	for _, scheme := range schemes {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		model.Scheme = scheme
		seen := model.Simulate(oddsTrials)
		l := oddsLine{
			Scheme: scheme.String(), Hosts: scheme.Shards(), HalfLifeS: model.HalfLife.Seconds(), AuditS: model.AuditEvery.Seconds(),
			RepairS: model.Repair().Seconds(), Chance: model.Exact(), Trials: seen.Trials, Lost: seen.Lost,
			Assumption: strings.ReplaceAll(oddsModel, "\n", " "),
		}
		l.Low, l.High = seen.Between()
		if s.out.json {
			s.out.line("odds", l)
		}
		rows = append(rows, []string{l.Scheme, fmt.Sprint(l.Hosts), chanceText(l.Chance), l.simulated()})
	}
	if s.out.json {
		return nil
	}
	s.out.print("the chance that a file is lost within a year; hosts with a half-life of %s, audits every %s, repairs in %s\n\n%s\n\nin this model %s",
		spanText(model.HalfLife), spanText(model.AuditEvery), spanText(model.Repair()), grid(rows), oddsModel)
	return nil
}

// oddsModel reads the flags; without --scheme every scheme is meant that put
// chooses by itself.
func (s *session) oddsModel(c *urfave.Context) (shard.Odds, []shard.Scheme, error) {
	model := shard.Odds{Scheme: shard.Scheme{Data: 1}, HalfLife: shard.OddsHalfLife, AuditEvery: shard.OddsAuditEvery}
	for flag, into := range map[string]*time.Duration{"half-life": &model.HalfLife, "audit-every": &model.AuditEvery} {
		given := c.String(flag)
		if given == "" {
			continue
		}
		var err error
		if *into, err = parseDuration(s.named(flag), given); err != nil {
			return model, nil, err
		}
	}
	if err := model.Validate(); err != nil {
		return model, nil, usage(80, "%s", err)
	}
	if given := c.String("scheme"); given != "" {
		scheme, err := shard.ParseScheme(given)
		if err != nil {
			return model, nil, usage(65, "%s cannot be %q", s.named("scheme"), given).Because("%s", err).Try("--scheme 4+4")
		}
		return model, []shard.Scheme{scheme}, nil
	}
	var schemes []shard.Scheme
	for hosts := 1; hosts < shard.ArchiveHosts; hosts++ {
		if scheme := shard.SchemeFor(hosts, shard.DurabilityNormal); len(schemes) == 0 || schemes[len(schemes)-1] != scheme {
			schemes = append(schemes, scheme)
		}
	}
	return model, append(schemes, shard.SchemeFor(shard.ArchiveHosts, shard.DurabilityArchive)), nil
}

// simulated is what the trials say, in words.
func (l oddsLine) simulated() string {
	if l.Lost == 0 {
		return fmt.Sprintf("< %s (3/%d: none was lost)", chanceText(l.High), l.Trials)
	}
	return fmt.Sprintf("%s to %s (%d of %d)", chanceText(l.Low), chanceText(l.High), l.Lost, l.Trials)
}

// chanceText is a chance as a percentage, and as one in many where that is
// easier to grasp.
func chanceText(p float64) string {
	switch {
	case p >= 0.001:
		return fmt.Sprintf("%.3g %%", 100*p)
	case p > 1e-9:
		return "1 in " + humanize.Comma(int64(1/p+0.5))
	case p > 0:
		return fmt.Sprintf("1 in %.2g", 1/p)
	}
	return "0"
}

// spanText is a time span in the unit people would take.
func spanText(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%(365*day) == 0:
		return fmt.Sprintf("%d y", d/(365*day))
	case d%day == 0:
		return fmt.Sprintf("%d d", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return d.String()
}
