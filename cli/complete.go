package cli

import (
	"context"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"
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
			candidate{"-a", "have the hosts prove that they hold a file"}, candidate{"-p", "make anew what a file has lost"},
			candidate{"--upload", "put files"}, candidate{"--download", "get a file back"}, candidate{"--list", "list my files"},
			candidate{"--audit", "have the hosts prove that they hold a file"}, candidate{"--patch", "make anew what a file has lost"})
	}
	add(p.table.common)
	return found
}
