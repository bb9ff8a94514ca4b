package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

func (t *table) helpCommand() *command {
	return &command{
		name: "help", args: "[COMMAND]", group: groupRest, brief: "this help, or that of a command",
		max: 2, complete: kindWord,
		run: func(_ context.Context, s *session, c *urfave.Context) error {
			var path []*command
			rows := t.commands
			for _, word := range c.Args().Slice() {
				row := find(rows, word)
				if row == nil && path == nil {
					return t.unknownCommand(word)
				} else if row == nil {
					return t.unknownSub(path[len(path)-1], word)
				}
				path, rows = append(path, row), row.subs
			}
			return s.help(t, path)
		},
	}
}

// help writes the help of a command to stdout, the root's for none.
func (p *process) help(t *table, path []*command) error {
	if len(path) == 0 {
		return p.rootHelp(t)
	}
	row, words := path[len(path)-1], "batchain"
	var flags []urfave.Flag
	for _, c := range path {
		words += " " + c.name
		flags = append(flags, c.flags...)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage\n  %s\n", words, row.brief, strings.TrimSpace(words+" "+row.args))
	if row.details != "" {
		fmt.Fprintf(&b, "\n%s\n", row.details)
	}
	if len(row.subs) > 0 {
		rows := make([][2]string, 0, len(row.subs))
		for _, sub := range row.subs {
			rows = append(rows, [2]string{strings.TrimSpace(sub.name + " " + sub.args), sub.brief})
		}
		fmt.Fprintf(&b, "\nCommands\n%s", columns(rows))
	}
	if len(flags) > 0 {
		fmt.Fprintf(&b, "\nFlags\n%s", flagColumns(flags))
	}
	fmt.Fprintf(&b, "\nEverywhere\n%s", flagColumns(t.common))
	return p.document(row.name, b.String())
}

// classicForms are the first thing that anybody sees.
var classicForms = [][2]string{
	{"batchain -u FILE…|-", "put files into the mesh                = batchain put"},
	{"batchain -d REF", "get a file back                        = batchain get"},
	{"batchain -l", "list my files                          = batchain ls"},
	{"batchain -a REF", "have the hosts prove that they hold it = batchain audit"},
	{"batchain -p REF", "make anew what it has lost             = batchain repair"},
	{"batchain -h", "this help; batchain help COMMAND for one command"},
	{"batchain sample", "a mesh on this machine alone; batchain sample -u FILE uses it"},
}

func (p *process) rootHelp(t *table) error {
	var b strings.Builder
	fmt.Fprintf(&b, "batchain: store files, encrypted and in pieces that can be lost, on each other's disks\n\n%s", columns(classicForms))
	b.WriteString("\nLong forms: --upload, --download, --list, --audit, --patch, --help. REF is an id, its first\ncharacters, a name, or a manifest.\n")
	for _, group := range groups {
		var rows [][2]string
		for _, c := range t.commands {
			if c.group == group {
				rows = append(rows, [2]string{strings.TrimSpace(c.name + " " + c.args), c.brief})
			}
		}
		fmt.Fprintf(&b, "\n%s\n%s", group, columns(rows))
	}
	fmt.Fprintf(&b, "\nEverywhere (before or after the arguments; each also as BATCHAIN_ and its name)\n%s", flagColumns(t.common))
	fmt.Fprintf(&b, "\nExit codes\n%s", exitHelp)
	return p.document("batchain", b.String())
}

// exitHelp names the codes that these commands end with.
const exitHelp = `  0 done · 1 unclassified · 2 usage · 3 done with shortfalls or findings · 4 not found
  5 network, no peers, timeout · 6 not enough peers or space · 7 damaged or forged
  8 wrong key or permission · 9 too few shards reachable now · 10 a running node is needed
  11 home in use by another node · 12 disk or quota full · 13 configuration invalid
  14 a unit of work failed · 130 interrupted
`

// document writes a text to stdout, with --json as an object.
func (p *process) document(name, text string) error {
	p.out.item("text", map[string]string{"name": name, "text": text}, strings.TrimRight(text, "\n"))
	return nil
}

func flagColumns(flags []urfave.Flag) string {
	rows := make([][2]string, 0, len(flags))
	for _, f := range flags {
		var typed []string
		for _, name := range f.Names()[1:] {
			typed = append(typed, dashed(name))
		}
		typed = append(typed, strings.TrimSpace(dashed(long(f))+" "+valueName(f)))
		rows = append(rows, [2]string{strings.Join(typed, ", "), usageOf(f)})
	}
	return columns(rows)
}

// valueName is what a flag's value is called.
func valueName(f urfave.Flag) string {
	switch f := f.(type) {
	case *urfave.StringFlag:
		return f.DefaultText
	case *urfave.StringSliceFlag:
		return f.DefaultText
	case *urfave.IntFlag:
		return f.DefaultText
	}
	return ""
}

func usageOf(f urfave.Flag) string {
	if d, ok := f.(urfave.DocGenerationFlag); ok {
		return d.GetUsage()
	}
	return ""
}

// columns aligns pairs below each other, indented.
func columns(rows [][2]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
	}
	if w.Flush() != nil { // a builder takes everything
		return ""
	}
	return b.String()
}

// needsNode is the error of commands that only a running node can answer.
func needsNode(home string) error {
	return control.NewError(control.ExitNeedsNode, 1, "no node is running on this home").
		Because("nobody answers in %s", home).Try("batchain node")
}
