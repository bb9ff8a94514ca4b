package cli

import (
	"context"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// command is one row of the table of commands.
type command struct {
	name     string
	args     string // as the help shows them: "REF", "FILE…|-"
	brief    string // one line
	details  string // for the command's own help; may be empty
	group    string // heading in the root help; a command without one is not listed
	flags    []urfave.Flag
	subs     []*command
	min, max int    // arguments; max below 0: any number
	want     string // said when there are too few arguments
	complete kind   // of what the arguments are
	run      func(ctx context.Context, s *session, c *urfave.Context) error
}

// kind is what an argument or a flag's value is, for completion.
type kind string

const (
	kindNone  kind = ""
	kindFile  kind = "file"
	kindDir   kind = "dir"
	kindRef   kind = "ref"
	kindPeer  kind = "peer"
	kindWord  kind = "word"  // of a command
	kindDemo  kind = "demo"  // name of a demo
	kindShell kind = "shell" // that completions exist for

	kindProject kind = "project" // of this node's hive
)

// find returns the row of a name among rows.
func find(rows []*command, name string) *command {
	for _, row := range rows {
		if row.name == name {
			return row
		}
	}
	return nil
}

// names lists the rows that the help lists.
func names(rows []*command) []string {
	var list []string
	for _, row := range rows {
		if row.group != "" {
			list = append(list, row.name)
		}
	}
	return list
}

// flag returns the flag that a name without its dashes belongs to.
func findFlag(flags []urfave.Flag, name string) urfave.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// isBool tells whether a flag stands alone.
func isBool(f urfave.Flag) bool {
	_, ok := f.(*urfave.BoolFlag)
	return ok
}

// isList tells whether a flag may be given several times.
func isList(f urfave.Flag) bool {
	_, ok := f.(*urfave.StringSliceFlag)
	return ok
}

// long returns a flag's long name.
func long(f urfave.Flag) string { return f.Names()[0] }

// dashed returns a name as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// The constructors of flags. Every flag can be set from the environment as
// BATCHAIN_ and its long name.

func text(name, value, usage string, short ...string) *urfave.StringFlag {
	return &urfave.StringFlag{Name: name, Aliases: short, Usage: usage, DefaultText: value, EnvVars: []string{envName(name)}}
}

func list(name, value, usage string) *urfave.StringSliceFlag {
	return &urfave.StringSliceFlag{Name: name, Usage: usage, DefaultText: value, EnvVars: []string{envName(name)}}
}

func number(name string, value int, usage string, short ...string) *urfave.IntFlag {
	return &urfave.IntFlag{Name: name, Aliases: short, Usage: usage, Value: value, DefaultText: "N", EnvVars: []string{envName(name)}}
}

func yes(name, usage string, short ...string) *urfave.BoolFlag {
	return &urfave.BoolFlag{Name: name, Aliases: short, Usage: usage, EnvVars: []string{envName(name)}}
}

// mode is a flag that stands for a command and is nothing for the environment.
func mode(short, name, usage string) *urfave.BoolFlag {
	return &urfave.BoolFlag{Name: name, Aliases: []string{short}, Usage: usage}
}

func envName(flag string) string {
	return "BATCHAIN_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
