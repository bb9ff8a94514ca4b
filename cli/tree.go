package cli

import (
	urfave "github.com/urfave/cli/v2"
)

// table is every command and flag there is.
type table struct {
	commands []*command
	common   []urfave.Flag       // of every command
	classic  map[string]*command // what -u, --upload, … stand for
}

// The headings of the root help, in their order.
const (
	groupFiles = "Files"
	groupNodes = "Nodes"
	groupWork  = "Work"
	groupTry   = "Try it out"
	groupRest  = "More"
)

var groups = []string{groupFiles, groupNodes, groupWork, groupTry, groupRest}

func newTable() *table {
	t := &table{common: commonFlags()}
	put, get, ls, version := putCommand(), getCommand(), lsCommand(), versionCommand()
	audit, repair := auditCommand(), repairCommand()
	t.commands = []*command{
		put, get, ls, rmCommand(), audit, repair, manifestCommand(), keepCommand(), keyCommand(), recoverCommand(),
		nodeCommand(), joinCommand(), leaveCommand(), statusCommand(), peersCommand(), doctorCommand(), idCommand(), gossipCommand(),
		workCommand(),
		sampleCommand(), demoCommand(),
		oddsCommand(), configCommand(), version, completionCommand(), t.helpCommand(),
	}
	t.classic = map[string]*command{
		"u": put, "upload": put,
		"d": get, "download": get,
		"l": ls, "list": ls,
		"a": audit, "audit": audit,
		"p": repair, "patch": repair,
		"version": version,
	}
	return t
}

func commonFlags() []urfave.Flag {
	return []urfave.Flag{
		text("home", "DIR", "the node's folder (default ~/.batchain)"),
		list("bootstrap", "ADDR…", "full addresses of nodes to begin with; may be repeated"),
		text("mesh", "NAME", "the mesh (default main)"),
		yes("json", "NDJSON on stdout, and nothing else there"),
		yes("quiet", "results only", "q"),
		yes("verbose", "the causes of errors, and more of the log", "v"),
		yes("no-color", "no colours; NO_COLOR does the same"),
		text("timeout", "DUR", "give up after so long: 90s, 10m, 2h"),
		text("log-level", "LEVEL", "debug, info, warn or error"),
		text("log-format", "FORMAT", "text or json"),
	}
}

// anyFlag returns the flag of a name whatever command it belongs to.
func (t *table) anyFlag(name string) urfave.Flag {
	if f := findFlag(t.common, name); f != nil {
		return f
	}
	for _, c := range t.commands {
		if f := findFlag(c.flags, name); f != nil {
			return f
		}
		for _, sub := range c.subs {
			if f := findFlag(sub.flags, name); f != nil {
				return f
			}
		}
	}
	return nil
}

// app returns the table as urfave/cli takes it. Everything it does on its own
// account is off.
func (t *table) app(p *process) *urfave.App {
	return &urfave.App{
		Name:           "batchain",
		Writer:         p.Err,
		ErrWriter:      p.Err,
		Flags:          t.common,
		Commands:       p.rows(t.commands),
		Action:         func(*urfave.Context) error { return p.rootHelp(t) },
		HideHelp:       true,
		HideVersion:    true,
		OnUsageError:   badValue,
		ExitErrHandler: func(*urfave.Context, error) {},
	}
}

func (p *process) rows(rows []*command) []*urfave.Command {
	var list []*urfave.Command
	for _, row := range rows {
		list = append(list, &urfave.Command{
			Name: row.name, Flags: row.flags, Subcommands: p.rows(row.subs), HideHelp: true,
			OnUsageError: badValue, Action: p.action(row),
		})
	}
	return list
}

// badValue is told of values that do not parse; flags as such were checked.
func badValue(_ *urfave.Context, err error, _ bool) error {
	return usage(59, "a value cannot be read").Because("%s", err)
}
