package cli

import (
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

// meant are words that people type for a command of another name.
var meant = map[string]string{
	"upload": "put", "up": "put", "add": "put", "store": "put", "download": "get", "down": "get", "fetch": "get",
	"cat": "get", "list": "ls", "dir": "ls", "files": "ls", "remove": "rm", "delete": "rm", "del": "rm",
	"start": "node", "daemon": "node", "run": "node", "info": "status", "whoami": "id", "demos": "demo",
}

func (t *table) unknownCommand(word string) error {
	e := usage(57, "there is no command %q", word)
	if name, ok := meant[word]; ok {
		return didYouMean(e, name, "batchain help")
	}
	return didYouMean(e, closest(word, names(t.commands)), "batchain help")
}

func (t *table) unknownSub(c *command, word string) error {
	return didYouMean(usage(57, "there is no command %q in %s", word, c.name), closest(word, names(c.subs)), "batchain help "+c.name)
}

func (p *parser) unknownFlag(word string) error {
	typed, _, _ := strings.Cut(word, "=")
	known := []string{"--help", "-h"}
	add := func(flags []urfave.Flag) {
		for _, f := range flags {
			for _, name := range f.Names() {
				known = append(known, dashed(name))
			}
		}
	}
	add(p.table.common)
	for _, c := range p.line.path {
		add(c.flags)
	}
	if p.line.path == nil {
		for name := range p.table.classic {
			known = append(known, dashed(name))
		}
	}
	slices.Sort(known)
	where := "batchain"
	if c := p.line.command(); c != nil {
		where = c.name
	}
	return didYouMean(usage(58, "there is no flag %s for %s", typed, where), closestFlag(typed, known), p.helpLine())
}

// closestFlag also sees a long flag that was typed with one dash, or that was
// cut short.
func closestFlag(typed string, known []string) string {
	if len(typed) > 2 && !strings.HasPrefix(typed, "--") && slices.Contains(known, "-"+typed) {
		return "-" + typed
	}
	if len(typed) == 2 {
		return "" // one letter resembles every other
	}
	for _, name := range known {
		if len(typed) >= 4 && strings.HasPrefix(name, typed) {
			return name
		}
	}
	return closest(typed, known)
}

func didYouMean(e *control.Error, name, help string) error {
	if name == "" {
		return e.Try(help)
	}
	return e.Try("did you mean " + name + "? otherwise: " + help)
}

// closest returns the candidate that is the fewest mistakes away from word, or
// nothing when that is more than a third of its letters.
func closest(word string, candidates []string) string {
	best, name := len(word)/3+1, ""
	for _, c := range candidates {
		if d := mistakes(word, c); d <= best && (name == "" || d < best) {
			best, name = d, c
		}
	}
	return name
}

// mistakes counts the letters that must be added, dropped, changed or swapped
// with their neighbour to make b of a (optimal string alignment).
func mistakes(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
