package meta

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write NOTICE anew")

// linked is the package whose modules NOTICE lists.
const linked = "./cli/batchain"

// systems are those that releases are built for: together they link every
// module that any of them does.
var systems = []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"}

// dependency is one module that is linked.
type dependency struct {
	Path, Version, Dir string
	Main               bool
	Replace            *dependency
}

// TestNotice fails when NOTICE is not what the linked modules ask for, and when
// one of them has a licence that we do not link. With -update it writes NOTICE.
func TestNotice(t *testing.T) {
	files(t) // the go command's answer depends on them: let the test cache know
	for _, name := range []string{"go.mod", "go.sum"} {
		if _, err := os.ReadFile(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	modules, err := dependencies()
	if err != nil {
		t.Fatal(err)
	}
	want, err := notice(modules)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "NOTICE")
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Error("NOTICE is stale: go test ./meta -run TestNotice -update")
	}
}

// dependencies returns the modules linked on any of our systems, by path.
func dependencies() ([]dependency, error) {
	found := map[string]dependency{}
	for _, system := range systems {
		goos, goarch, _ := strings.Cut(system, "/")
		cmd := exec.Command("go", "list", "-deps", "-json=Module", linked)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				err = fmt.Errorf("%w: %s", err, exit.Stderr)
			}
			return nil, fmt.Errorf("go list for %s: %w", system, err)
		}
		dec := json.NewDecoder(strings.NewReader(string(out)))
		for {
			var pkg struct{ Module *dependency }
			if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			m := pkg.Module
			if m == nil || m.Main {
				continue
			}
			if m.Replace != nil {
				m = m.Replace
			}
			found[m.Path] = *m
		}
	}
	var all []dependency
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b dependency) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

const noticeHead = `batchain
Copyright The batchain Authors

Licensed under the Apache License, Version 2.0; see LICENSE.

A program that is built from this tree contains the modules below; the source of
each is published under its name and version. The Apache License is in LICENSE,
the Mozilla Public License 2.0 at https://mozilla.org/MPL/2.0/, and the other
texts that must come with a binary stand once, at the end.
`

// standard is the Go standard library, which is linked and no module.
const standard = `
Go standard library
  BSD-3-Clause
  Copyright 2009 The Go Authors
`

// notice writes the text of NOTICE.
func notice(modules []dependency) (string, error) {
	var b strings.Builder
	b.WriteString(noticeHead)
	b.WriteString(standard)
	used := map[string]bool{"BSD-3-Clause": true}
	for _, m := range modules {
		l, err := readLicensing(m.Dir)
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", m.Path, m.Version, err)
		}
		fmt.Fprintf(&b, "\n%s %s\n  %s\n", m.Path, m.Version, strings.Join(l.names, ", "))
		for _, holder := range l.holders {
			fmt.Fprintf(&b, "  %s\n", holder)
		}
		for line := range strings.Lines(l.notice) {
			b.WriteString(strings.TrimRight("  | "+line, " \n") + "\n")
		}
		for _, name := range l.names {
			used[name] = true
		}
	}
	// These ask that their text goes with every binary.
	for _, name := range []string{"BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"} {
		if !used[name] {
			continue
		}
		text, err := os.ReadFile(filepath.Join("testdata", "licences", name+".txt"))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s", strings.Repeat("-", 80), name, text)
	}
	return b.String(), nil
}
