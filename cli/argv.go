package cli

import (
	"slices"
	"strings"

	"github.com/batchain/batchain/node/control"
)

// line is a command line taken apart.
type line struct {
	path []*command // the command, from the outside in; empty for none
	help bool
	argv []string // what urfave/cli is given
	args []string
}

// command returns the innermost command, nil for none.
func (l line) command() *command {
	if len(l.path) == 0 {
		return nil
	}
	return l.path[len(l.path)-1]
}

// refused are words of urfave/cli's own completion. A line that holds one runs
// nothing, wherever the word stands.
const refused = "--generate-bash-completion"

// parse takes a command line apart. Flags may stand anywhere, short flags may
// be joined, and a value may be joined to its flag. Every mistake is an
// [*control.Error] of exit code 2.
func (t *table) parse(args []string) (line, error) {
	if slices.Contains(args, refused) {
		return line{}, usage(51, "%s is not used here", refused).Try("batchain completion bash")
	}
	p := &parser{table: t, rest: args}
	if err := p.findCommand(); err != nil {
		return p.line, err
	}
	if err := p.readWords(); err != nil {
		return p.line, err
	}
	if p.line.help {
		return p.line, nil
	}
	if err := p.checkCount(); err != nil {
		return p.line, err
	}
	p.line.argv = append([]string{"batchain"}, p.common...)
	for _, c := range p.line.path {
		p.line.argv = append(p.line.argv, c.name)
	}
	p.line.argv = append(append(append(p.line.argv, p.flags...), "--"), p.line.args...)
	return p.line, nil
}

type parser struct {
	table         *table
	rest          []string
	line          line
	classic       string // the classic form that was used, as typed
	common, flags []string
	literal       bool // after --
}

// usage returns an error of exit code 2.
func usage(number int, format string, args ...any) *control.Error {
	return control.NewError(control.ExitUsage, number, format, args...)
}

// findCommand looks through the whole line for the command, without judging
// anything else: flags that belong to it may stand before it.
func (p *parser) findCommand() error {
	stray := ""
	for i := 0; i < len(p.rest) && p.rest[i] != "--"; i++ {
		word := p.rest[i]
		if !isFlag(word) {
			if stray == "" && p.classic == "" && p.line.path == nil {
				if c := find(p.table.commands, word); c != nil {
					p.line.path = []*command{c}
					continue
				}
				stray = word
			}
			continue
		}
		if row, typed := p.classicForm(word); row != nil && (p.line.path == nil || p.classic != "") {
			if p.classic != "" && p.line.path[0] != row {
				return usage(52, "%s and %s are two commands", p.classic, typed).Try("give one of them")
			}
			p.line.path, p.classic = []*command{row}, typed
			continue
		}
		i += p.valuesAfter(i)
	}
	if p.line.path == nil && stray != "" {
		return p.table.unknownCommand(stray)
	}
	return nil
}

// classicForm returns the command that a classic flag stands for, and the flag
// as typed. Short flags may be joined to one.
func (p *parser) classicForm(word string) (*command, string) {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if strings.HasPrefix(word, "--") {
		return p.table.classic[name], "--" + name
	}
	for _, letter := range strings.Split(name, "") {
		if row := p.table.classic[letter]; row != nil {
			return row, "-" + letter
		}
		if f := findFlag(p.table.common, letter); f == nil || !isBool(f) {
			return nil, ""
		}
	}
	return nil, ""
}

// valuesAfter counts the words after the flag at i that are its values. Before
// the command is known any command's flag counts: no name means two things.
func (p *parser) valuesAfter(i int) int {
	word := p.rest[i]
	name, _, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if !strings.HasPrefix(word, "--") && len(name) > 1 {
		name, joined = name[len(name)-1:], joined || p.table.anyFlag(name[:1]) == nil || !isBool(p.table.anyFlag(name[:1]))
	}
	f := p.table.anyFlag(name)
	if joined || f == nil || isBool(f) {
		return 0
	}
	n := 1
	for i+n+1 < len(p.rest) && goesOn(f, p.rest[i+n+1]) {
		n++
	}
	return n
}

func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' }

// readWords goes through the line with the command known.
func (p *parser) readWords() error {
	named := p.classic != "" || p.line.path == nil
	for len(p.rest) > 0 {
		word := p.take()
		switch {
		case p.literal || !isFlag(word):
			if !named && word == p.line.path[0].name && !p.literal {
				named = true
				continue
			}
			if err := p.argument(word); err != nil {
				return err
			}
		case word == "--":
			p.literal = true
		case strings.HasPrefix(word, "--"):
			if err := p.longFlag(word); err != nil {
				return err
			}
		default:
			if err := p.shortFlags(word); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parser) take() string {
	word := p.rest[0]
	p.rest = p.rest[1:]
	return word
}

// argument adds a word, or goes down to a command within the command.
func (p *parser) argument(word string) error {
	c := p.line.command()
	if c == nil || len(c.subs) == 0 {
		p.line.args = append(p.line.args, word)
		return nil
	}
	sub := find(c.subs, word)
	if sub == nil {
		return p.table.unknownSub(c, word)
	}
	p.line.path = append(p.line.path, sub)
	return nil
}

func (p *parser) checkCount() error {
	c := p.line.command()
	if c == nil {
		return nil
	}
	if len(c.subs) > 0 {
		return usage(54, "%s needs one of %s", c.name, strings.Join(names(c.subs), ", ")).Try(p.helpLine())
	}
	if len(p.line.args) < c.min {
		what := c.name
		if p.classic != "" {
			what = p.classic
		}
		return usage(55, "%s needs more: %s", what, c.want).Try(p.helpLine())
	}
	if c.max >= 0 && len(p.line.args) > c.max {
		return usage(56, "%q is one argument too many for %s", p.line.args[c.max], c.name).Try(p.helpLine())
	}
	return nil
}

func (p *parser) helpLine() string {
	words := []string{"batchain help"}
	for _, c := range p.line.path {
		words = append(words, c.name)
	}
	return strings.Join(words, " ")
}
