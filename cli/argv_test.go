package cli

import (
	"errors"
	"slices"
	"strings"
	"testing"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

// TestParse holds the lines that urfave/cli alone gets wrong, and the forms
// that people mix.
func TestParse(t *testing.T) {
	const a1, a2 = "/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2"
	cases := []struct{ line, want string }{
		// flags after arguments, which it drops
		{"put f --scheme 4+2", "put --scheme=4+2 -- f"},
		{"put f g --json --name n h", "--json=true put --name=n -- f g h"},
		// common flags, which it shadows
		{"--json put f", "--json=true put -- f"},
		{"put --json f", "--json=true put -- f"},
		{"put f --home=/h -q", "--home=/h --quiet=true put -- f"},
		{"manifest --json show x", "--json=true manifest show -- x"},
		// a command's flags before the command
		{"--scheme 4+2 put f", "put --scheme=4+2 -- f"},
		{"-o out get f", "get --output=out -- f"},
		{"manifest -o - export x", "manifest export --output=- -- x"},
		// classic forms
		{"-u f", "put -- f"},
		{"-u f -- -u", "put -- f -u"},
		{"-u put", "put -- put"},
		{"f -u", "put -- f"},
		{"--upload=f g", "put -- f g"},
		{"-u=f", "put -- f"},
		{"-uf", "put -- f"},
		{"-vu f", "--verbose=true put -- f"},
		{"-uv f", "--verbose=true put -- f"},
		{"-u f -u g", "put -- f g"},
		{"-d x -oout", "get --output=out -- x"},
		{"-l", "ls --"},
		{"-l x --json", "--json=true ls -- x"},
		{"--name -l put f", "put --name=-l -- f"},
		{"-u -", "put -- -"},
		// the sample mesh has its own
		{"sample -u f", "sample --upload=true -- f"},
		{"sample -n3 -l", "sample --nodes=3 --list=true --"},
		{"sample -n 3 -d x", "sample --nodes=3 --download=true -- x"},
		// values
		{"put f --name=", "put --name= -- f"},
		{"put f --name=a=b", "put --name=a=b -- f"},
		{"put f --name -odd", "put --name=-odd -- f"},
		{"put f --json=false", "--json=false put -- f"},
		{"-qv ls", "--quiet=true --verbose=true ls --"},
		{"put f -q=false", "--quiet=false put -- f"},
		// several addresses after one flag
		{"node --listen " + a1 + " " + a2, "node --listen=" + a1 + " --listen=" + a2 + " --"},
		{"--bootstrap " + a1 + " " + a2 + " put f", "--bootstrap=" + a1 + " --bootstrap=" + a2 + " put -- f"},
		{"put --host 12D3KooWa 12D3KooWb f", "put --host=12D3KooWa --host=12D3KooWb -- f"},
		{"join --listen " + a1 + " " + a2 + "/p2p/x", "join --listen=" + a1 + " -- " + a2 + "/p2p/x"},
		{"join " + a1 + " " + a2, "join -- " + a1 + " " + a2},
		// --
		{"put -- --json -u", "put -- --json -u"},
		{"put f -- put", "put -- f put"},
		{"-- put f", ""},
		// a file may be called like a command or a flag
		{"put put", "put -- put"},
		{"put name", "put -- name"},
		{"get help", "get -- help"},
	}
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			got, err := newTable().parse(strings.Fields(c.line))
			if c.want == "" {
				if err == nil && got.command() != nil {
					t.Errorf("taken for %q", got.argv)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(got.argv[1:], " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	cases := map[string]string{
		"uplod f":                             "E0257",
		"f":                                   "E0257",
		"--json f":                            "E0257",
		"put":                                 "E0255",
		"-u":                                  "E0255",
		"-u --json":                           "E0255",
		"-u x -d y":                           "E0252",
		"-ud x":                               "E0252",
		"put f --nosuch":                      "E0258",
		"put f --n=x":                         "E0258",
		"put -u f":                            "E0258",
		"put --output x f":                    "E0258",
		"put f --q":                           "E0258",
		"ls -z":                               "E0258",
		"--frob":                              "E0258",
		"put f --name":                        "E0253",
		"put --name --json f":                 "E0253",
		"get x -o -v":                         "E0253",
		"ls a b":                              "E0256",
		"status x":                            "E0256",
		"manifest":                            "E0254",
		"manifest sho x":                      "E0257",
		"manifest show":                       "E0255",
		"put f --generate-bash-completion":    "E0251",
		"-u x -- --generate-bash-completion":  "E0251",
		"put --na --generate-bash-completion": "E0251",
	}
	for line, code := range cases {
		t.Run(line, func(t *testing.T) {
			got, err := newTable().parse(strings.Fields(line))
			var e *control.Error
			if !errors.As(err, &e) || e.Code != code || e.Exit != control.ExitUsage || got.argv != nil {
				t.Errorf("%v, %q", err, got.argv)
			}
		})
	}
}

func TestHelpWinsOverMistakesOfCount(t *testing.T) {
	for line, want := range map[string]string{"-h": "", "put -h": "put", "-u -h": "put", "-uh": "put", "manifest --help": "manifest", "manifest show -h": "show", "ls a b c -h": "ls"} {
		got, err := newTable().parse(strings.Fields(line))
		name := ""
		if c := got.command(); c != nil {
			name = c.name
		}
		if err != nil || !got.help || name != want {
			t.Errorf("%s: help %t of %q, %v", line, got.help, name, err)
		}
	}
}

// parse looks for the command before it knows whose flags it reads: that is
// sound as long as no name takes a value here and none there, and as long as
// no command has a flag of a common name.
func TestNoFlagMeansTwoThings(t *testing.T) {
	table := newTable()
	kinds := map[string]bool{}
	for _, f := range table.common {
		for _, name := range f.Names() {
			kinds[name] = isBool(f)
		}
	}
	common := len(kinds)
	var walk func(rows []*command)
	walk = func(rows []*command) {
		for _, c := range rows {
			for _, f := range c.flags {
				for _, name := range f.Names() {
					if findFlag(table.common, name) != nil {
						t.Errorf("%s of %s is a common flag too", name, c.name)
					}
					if was, seen := kinds[name]; seen && was != isBool(f) {
						t.Errorf("%s of %s has a value in one command and none in another", name, c.name)
					}
					kinds[name] = isBool(f)
				}
			}
			walk(c.subs)
		}
	}
	walk(table.commands)
	if len(kinds) <= common {
		t.Error("no command has a flag")
	}
}

// Every flag can be set as BATCHAIN_ and its name, but for those that stand for
// a command.
func TestEveryFlagHasItsVariable(t *testing.T) {
	table := newTable()
	check := func(owner string, flags []urfave.Flag) {
		for _, f := range flags {
			if len(f.Names()) == 2 && table.classic[f.Names()[0]] != nil {
				continue
			}
			want := "BATCHAIN_" + strings.ToUpper(strings.ReplaceAll(long(f), "-", "_"))
			if doc, ok := f.(urfave.DocGenerationFlag); !ok || !slices.Equal(doc.GetEnvVars(), []string{want}) {
				t.Errorf("%s %s is not %s", owner, long(f), want)
			}
		}
	}
	check("common", table.common)
	for _, c := range table.commands {
		check(c.name, c.flags)
		for _, sub := range c.subs {
			check(sub.name, sub.flags)
		}
	}
}

// No line, however odd, makes parse panic or hands urfave/cli anything before
// the arguments that is not a flag joined to its value or a command.
func FuzzParse(f *testing.F) {
	for _, line := range []string{"put f --name x", "-u f -- -d", "--bootstrap /ip4/1 /ip4/2 put f", "-qvu", "manifest -o - export x", "-", "--", "-=", "--=x", "--json=", "sample -n3 -ul"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, err := newTable().parse(strings.Fields(line))
		if err != nil || got.help {
			return
		}
		end := slices.Index(got.argv, "--")
		if end < 0 {
			t.Fatalf("%q has no --", got.argv)
		}
		commands := 0
		for _, word := range got.argv[1:end] {
			if !strings.HasPrefix(word, "--") {
				commands++
			} else if !strings.Contains(word, "=") {
				t.Errorf("%q: %q has no value", got.argv, word)
			}
		}
		if commands != len(got.path) {
			t.Errorf("%q has %d commands, not %d", got.argv, commands, len(got.path))
		}
		if !slices.Equal(got.argv[end+1:], got.args) {
			t.Errorf("%q does not end in %q", got.argv, got.args)
		}
	})
}
