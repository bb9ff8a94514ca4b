package cli

import (
	"context"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

// completeWord is the hidden command that the shells' scripts call:
//
//	batchain __complete WORD… PARTIAL
//
// It prints candidates, one a line, each followed by a tab and what it means,
// and last of all a line ":file", ":dir" or ":none": what else the shell may
// offer. It runs nothing and never fails.
const completeWord = "__complete"

//go:embed completion
var completionScripts embed.FS

func completionCommand() *command {
	return &command{
		name: "completion", args: "bash|zsh|fish", group: groupRest, brief: "what makes the Tab key complete commands",
		details: "bash   source <(batchain completion bash)      in ~/.bashrc\n" +
			"zsh    source <(batchain completion zsh)       in ~/.zshrc, after compinit\n" +
			"fish   batchain completion fish | source       in ~/.config/fish/config.fish",
		min: 1, max: 1, want: "bash, zsh or fish", complete: kindShell,
		run: func(_ context.Context, s *session, c *urfave.Context) error {
			shell := c.Args().First()
			script, err := completionScripts.ReadFile("completion/" + shell)
			if err != nil || !slices.Contains(shells, shell) {
				return usage(76, "there is no completion for %q", shell).Because("bash, zsh and fish have one")
			}
			return s.document(shell, string(script))
		},
	}
}

var shells = []string{"bash", "zsh", "fish"}

// candidate is one way in which a word may go on.
type candidate struct{ word, meaning string }

// complete prints how the last of words may go on.
func (t *table) complete(ctx context.Context, words []string, out io.Writer) {
	words = rejoin(words)
	if len(words) == 0 {
		words = []string{""}
	}
	done, partial := words[:len(words)-1], words[len(words)-1]
	found, rest := t.candidates(ctx, done, partial)
	for _, c := range found {
		if strings.HasPrefix(c.word, partial) {
			fmt.Fprintf(out, "%s\t%s\n", printable(c.word), printable(c.meaning))
		}
	}
	fmt.Fprintln(out, ":"+rest)
}

// rejoin undoes bash's splitting of words at "=".
func rejoin(words []string) []string {
	var joined []string
	for i, word := range words {
		n := len(joined)
		switch {
		case word == "=" && n > 0 && strings.HasPrefix(joined[n-1], "--"):
			joined[n-1] += "="
		case i > 0 && words[i-1] == "=" && n > 0 && strings.HasSuffix(joined[n-1], "="):
			joined[n-1] += word
		default:
			joined = append(joined, word)
		}
	}
	return joined
}

// candidates takes the words before the cursor apart, mistakes and all.
func (t *table) candidates(ctx context.Context, done []string, partial string) ([]candidate, string) {
	p := &parser{table: t, rest: slices.Clone(done)}
	if p.findCommand() != nil {
		return nil, "none"
	}
	literal := slices.Contains(done, "--")
	_ = p.readWords() // what is wrong with the line is not said here
	home := homeOf(p.common)
	if name, value, joined := strings.Cut(partial, "="); !literal && joined && strings.HasPrefix(name, "--") {
		found, rest := t.values(ctx, home, p.find(name[2:]))
		for i := range found {
			found[i].word = name + "=" + found[i].word
		}
		_ = value
		return found, rest
	}
	if f := pendingFlag(p, done); f != nil && !literal {
		return t.values(ctx, home, f)
	}
	if strings.HasPrefix(partial, "-") && !literal {
		return p.flagCandidates(), "none"
	}
	return t.arguments(ctx, home, p)
}

// pendingFlag returns the flag whose value the cursor is at.
func pendingFlag(p *parser, done []string) urfave.Flag {
	if len(done) == 0 || !isFlag(done[len(done)-1]) {
		return nil
	}
	word := done[len(done)-1]
	name := strings.TrimLeft(word, "-")
	if strings.Contains(name, "=") {
		return nil
	}
	if !strings.HasPrefix(word, "--") {
		name = name[len(name)-1:]
	}
	if f := p.find(name); f != nil && !isBool(f) {
		return f
	}
	return nil
}

func (p *parser) flagCandidates() []candidate {
	found := []candidate{{"--help", "how it is used"}}
	add := func(flags []urfave.Flag) {
		for _, f := range flags {
			found = append(found, candidate{"--" + long(f), usageOf(f)})
		}
	}
	for _, c := range p.line.path {
		add(c.flags)
	}
	if p.line.path == nil {
		found = append(found, candidate{"-u", "put files"}, candidate{"-d", "get a file back"}, candidate{"-l", "list my files"},
			candidate{"--upload", "put files"}, candidate{"--download", "get a file back"}, candidate{"--list", "list my files"})
	}
	add(p.table.common)
	return found
}

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
	case "host":
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
