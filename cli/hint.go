package cli

import (
	"slices"
	"strings"
)

// hints makes the commands that are hinted at work for whoever types them as
// they stand: with the flags that say which node and mesh were meant.
type hints struct {
	common []string // --home, --bootstrap and --mesh as given, each name=value
	sample []string // --dir and -n as given; nil unless the sample mesh is meant
}

// carried are the common flags that other commands need as well.
var carried = []string{"--home", "--bootstrap", "--mesh"}

// hintsOf takes the flags from a line as urfave/cli is given it. What comes
// from the environment is there the next time too.
func hintsOf(argv []string) hints {
	var h hints
	for _, word := range argv {
		if word == "--" {
			break
		}
		if name, _, _ := strings.Cut(word, "="); slices.Contains(carried, name) {
			h.common = append(h.common, word)
		}
	}
	return h
}

// free are the commands that no node and no home has a part in.
var free = []string{"help", "version", "completion", "demo", "odds"}

// sampleForms are the commands that the sample mesh has forms of its own for.
var sampleForms = map[string]string{"put": "-u", "-u": "-u", "get": "-d", "-d": "-d", "ls": "-l", "-l": "-l"}

// say returns a text with every command in it completed. A command stands at
// its beginning, or after a pipe.
func (h hints) say(text string) string {
	if before, command, ok := strings.Cut(text, "| batchain "); ok {
		return before + "| " + h.say("batchain "+command)
	}
	rest, ok := strings.CutPrefix(text, "batchain ")
	if !ok {
		return text
	}
	name, args, _ := strings.Cut(rest, " ")
	words := []string{"batchain"}
	switch form := sampleForms[name]; {
	case slices.Contains(free, name):
	case h.sample != nil && name == "sample":
		words, rest = append(append(words, "sample"), h.sample...), args
	case h.sample != nil && form != "" && ofSample(args):
		words, rest = append(append(words, "sample"), h.sample...), strings.TrimSpace(form+" "+args)
	default:
		for _, flag := range h.common {
			if name, value, _ := strings.Cut(flag, "="); !strings.Contains(" "+rest+" ", " "+name+" ") {
				words = append(words, name, shellWord(value))
			}
		}
	}
	return strings.TrimSpace(strings.Join(append(words, rest), " "))
}

// ofSample tells whether the sample command knows every flag among words.
func ofSample(words string) bool {
	for _, word := range strings.Fields(words) {
		if name, ok := strings.CutPrefix(word, "--"); ok && findFlag(sampleCommand().flags, name) == nil {
			return false
		}
	}
	return true
}

// shellWord quotes a value where a shell would take it apart.
func shellWord(value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:@%+=,", r) || r > 0x7f
	}
	if value != "" && strings.IndexFunc(value, func(r rune) bool { return !plain(r) }) < 0 {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
