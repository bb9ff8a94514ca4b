package cli

import (
	"strings"

	urfave "github.com/urfave/cli/v2"
)

func (p *parser) longFlag(word string) error {
	name, value, joined := strings.Cut(word[2:], "=")
	if name == "help" {
		p.line.help = true
		return nil
	}
	if p.isClassic(name) {
		return p.classicValue(name, value, joined)
	}
	f := p.find(name)
	if f == nil || len(name) == 1 {
		return p.unknownFlag(word)
	}
	return p.add(f, word, value, joined)
}

// shortFlags reads -x, -xyz, -oFILE and -o=FILE.
func (p *parser) shortFlags(word string) error {
	for at := 1; at < len(word); at++ {
		name, tail := word[at:at+1], word[at+1:]
		value, joined := strings.CutPrefix(tail, "=")
		f := p.find(name)
		switch {
		case name == "h":
			p.line.help = true
		case p.isClassic(name):
			if joined || tail == "" || !p.allShort(tail) {
				return p.classicValue(name, value, tail != "")
			}
		case f == nil:
			return p.unknownFlag(word)
		case !isBool(f):
			return p.add(f, "-"+name, value, tail != "")
		case joined:
			return p.add(f, "-"+name, value, true)
		default:
			if err := p.add(f, "-"+name, "", false); err != nil {
				return err
			}
		}
	}
	return nil
}

// allShort tells whether every letter is a flag of its own.
func (p *parser) allShort(letters string) bool {
	for _, letter := range strings.Split(letters, "") {
		if f := p.find(letter); letter != "h" && !p.isClassic(letter) && (f == nil || !isBool(f)) {
			return false
		}
	}
	return true
}

func (p *parser) isClassic(name string) bool {
	return p.classic != "" && p.table.classic[name] != nil
}

// classicValue takes --upload=FILE and -uFILE as an argument.
func (p *parser) classicValue(name, value string, joined bool) error {
	if p.table.classic[name] != p.line.path[0] {
		return usage(52, "%s and %s are two commands", p.classic, dashed(name)).Try("give one of them")
	}
	if joined {
		p.line.args = append(p.line.args, value)
	}
	return nil
}

func (p *parser) find(name string) urfave.Flag {
	if f := findFlag(p.table.common, name); f != nil {
		return f
	}
	if c := p.line.command(); c != nil {
		for i := len(p.line.path) - 1; i >= 0; i-- {
			if f := findFlag(p.line.path[i].flags, name); f != nil {
				return f
			}
		}
		// A flag may stand before the command within the command.
		for _, sub := range c.subs {
			if f := findFlag(sub.flags, name); f != nil {
				return f
			}
		}
	}
	return nil
}

// add notes a flag with its value in the one form that cannot be misread.
func (p *parser) add(f urfave.Flag, typed, value string, joined bool) error {
	typed, _, _ = strings.Cut(typed, "=")
	into := &p.flags
	if findFlag(p.table.common, long(f)) != nil {
		into = &p.common
	}
	if isBool(f) {
		if !joined {
			value = "true"
		}
		*into = append(*into, "--"+long(f)+"="+value)
		return nil
	}
	if !joined {
		if len(p.rest) == 0 || isFlag(p.rest[0]) && p.known(p.rest[0]) {
			return usage(53, "%s needs a value", typed).Because("it stands for %s", valueName(f)).Try(p.helpLine())
		}
		value = p.take()
	}
	*into = append(*into, "--"+long(f)+"="+value)
	for !joined && len(p.rest) > 0 && goesOn(f, p.rest[0]) {
		*into = append(*into, "--"+long(f)+"="+p.take())
	}
	return nil
}

// known tells whether a word is a flag rather than a value that begins with -.
func (p *parser) known(word string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	return word == "--" || name == "help" || name == "h" || p.find(name) != nil
}

// goesOn tells whether a word after a flag's value is one more: several
// addresses may follow one flag. Nobody listens at the address of a peer.
func goesOn(f urfave.Flag, word string) bool {
	if !isList(f) || long(f) == "listen" && strings.Contains(word, "/p2p/") {
		return false
	}
	for _, prefix := range []string{"/ip4/", "/ip6/", "/dns/", "/dns4/", "/dns6/", "/dnsaddr/", "12D3KooW"} {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}
