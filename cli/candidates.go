package cli

import (
	"context"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

// values are what a flag's value may be.
func (t *table) values(ctx context.Context, home string, f urfave.Flag) ([]candidate, string) {
	if f == nil {
		return nil, "none"
	}
	fixed := map[string][]candidate{
		"scheme":     {{"2+3", "5 hosts"}, {"4+4", "8 hosts"}, {"4+8", "12 hosts"}, {"8+12", "20 hosts"}, {"8+16", "24 hosts"}},
		"durability": {{"low", "half the parity"}, {"normal", ""}, {"archive", "8+16, from 28 hosts on"}},
		"relay":      {{"auto", ""}, {"on", ""}, {"off", ""}},
		"log-level":  {{"debug", ""}, {"info", ""}, {"warn", ""}, {"error", ""}},
		"log-format": {{"text", ""}, {"json", ""}},
	}
	switch long(f) {
	case "home":
		return nil, "dir"
	case "output", "manifest":
		return nil, "file"
	case "host", "hive":
		return peerCandidates(ctx, home), "none"
	}
	return fixed[long(f)], "none"
}

// arguments are what may come next that is no flag.
func (t *table) arguments(ctx context.Context, home string, p *parser) ([]candidate, string) {
	c := p.line.command()
	switch {
	case c == nil:
		return rowCandidates(t.commands), "none"
	case len(c.subs) > 0:
		return rowCandidates(c.subs), "none"
	case c.max >= 0 && len(p.line.args) >= c.max:
		return nil, "none"
	}
	switch c.complete {
	case kindFile:
		return nil, "file"
	case kindRef:
		return refCandidates(home), "file"
	case kindWord:
		rows := t.commands
		for _, word := range p.line.args {
			row := find(rows, word)
			if row == nil {
				return nil, "none"
			}
			rows = row.subs
		}
		return rowCandidates(rows), "none"
	case kindProject:
		return projectCandidates(ctx, home), "none"
	case kindDemo:
		return demoCandidates(), "none"
	case kindShell:
		var found []candidate
		for _, shell := range shells {
			found = append(found, candidate{shell, ""})
		}
		return found, "none"
	}
	return nil, "none"
}

func rowCandidates(rows []*command) []candidate {
	var found []candidate
	for _, row := range rows {
		if row.group != "" {
			found = append(found, candidate{row.name, row.brief})
		}
	}
	return found
}

// homeOf finds the home among common flags as they were noted.
func homeOf(common []string) string {
	given := envHome()
	for _, word := range common {
		if value, ok := strings.CutPrefix(word, "--home="); ok {
			given = value
		}
	}
	home, err := homeFolder(given)
	if err != nil {
		return ""
	}
	return home
}

// peerCandidates asks the running node, shortly.
func peerCandidates(ctx context.Context, home string) []candidate {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	client := control.Dial(node.SocketPath(home))
	defer client.Close()
	peers, err := client.Peers(ctx)
	if err != nil {
		return nil
	}
	var found []candidate
	for _, p := range peers {
		found = append(found, candidate{p.PeerID, p.State})
	}
	return found
}

// projectCandidates asks the running node, shortly.
func projectCandidates(ctx context.Context, home string) []candidate {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	client := control.Dial(node.SocketPath(home))
	defer client.Close()
	list, err := client.Projects(ctx, control.ProjectsRequest{})
	if err != nil {
		return nil
	}
	var found []candidate
	for _, p := range list.Projects {
		found = append(found, candidate{p.Name, p.State})
	}
	return found
}
