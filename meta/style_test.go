package meta

import (
	"go/ast"
	"go/build/constraint"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines = 600
	maxFuncLines = 80
)

func TestNothingIsTooLong(t *testing.T) {
	for _, f := range files(t) {
		if f.isTest() {
			continue
		}
		if lines := strings.Count(f.text, "\n"); lines > maxFileLines {
			t.Errorf("%s has %d lines, at most %d are allowed", f.path, lines, maxFileLines)
		}
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := f.line(fn.End()) - f.line(fn.Pos()) + 1; lines > maxFuncLines {
				t.Errorf("%s:%d: %s has %d lines, at most %d are allowed", f.path, f.line(fn.Pos()), fn.Name.Name, lines, maxFuncLines)
			}
		}
	}
}

// unfinished are the words of work that is not done. They are put together
// here so that this file has none of them.
var unfinished = regexp.MustCompile(`(?i)\bTO` + `DO\b|\bFIX` + `ME\b|not (yet )?imple` + `mented|\bunimple` + `mented|\bfor n` + `ow\b|place` + `holder`)

func TestNothingIsUnfinished(t *testing.T) {
	for _, f := range files(t) {
		number := 0
		for line := range strings.Lines(f.text) {
			number++
			if word := unfinished.FindString(line); word != "" {
				t.Errorf("%s:%d: %q", f.path, number, word)
			}
		}
	}
}

func TestNoInitAndNoEnvironment(t *testing.T) {
	for _, f := range files(t) {
		if f.isTest() || isHelper(f.folder()) {
			continue
		}
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s:%d: an init function; let the caller say when", f.path, f.line(fn.Pos()))
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			for _, name := range []string{"Getenv", "LookupEnv", "Environ"} {
				if isSelector(n, "os", name) && f.folder() != "cli" {
					t.Errorf("%s:%d: os.%s; only cli reads the environment", f.path, f.line(n.Pos()), name)
				}
			}
			return true
		})
	}
}

// A test that sleeps is slow on one machine and wrong on another. Inside a
// bubble of testing/synctest time is not real; a function that runs in its
// caller's bubble says so: "synctest bubble" in its comment. A loop that asks
// again and again, with a deadline, may pause by <-time.After; as a case of a
// select that is no sleep anyway.
func TestNoTestSleeps(t *testing.T) {
	for _, f := range files(t) {
		if !f.isTest() && !isHelper(f.folder()) {
			continue
		}
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && maySleep(fn) {
				continue
			}
			pauses := map[ast.Node]bool{}
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ForStmt:
					for _, stmt := range n.Body.List {
						pauses[stmt] = true
					}
				case *ast.CommClause:
					pauses[n.Comm] = true
				}
				if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, "synctest", "Test") {
					return false
				}
				if sleeps(n) && !pauses[n] {
					t.Errorf("%s:%d: a sleep outside a synctest bubble; wait for what must happen", f.path, f.line(n.Pos()))
				}
				return true
			})
		}
	}
}

// maySleep reports whether fn runs in its caller's bubble, by its comment or
// because it waits for one; or is a benchmark, which may measure rest.
func maySleep(fn *ast.FuncDecl) bool {
	inBubble := strings.Contains(fn.Doc.Text(), "synctest bubble")
	ast.Inspect(fn, func(n ast.Node) bool {
		inBubble = inBubble || isSelector(n, "synctest", "Wait")
		return !inBubble
	})
	return inBubble || strings.HasPrefix(fn.Name.Name, "Benchmark")
}

// sleeps reports whether n is time.Sleep, or a bare <-time.After(…).
func sleeps(n ast.Node) bool {
	if isSelector(n, "time", "Sleep") {
		return true
	}
	stmt, ok := n.(*ast.ExprStmt)
	if !ok {
		return false
	}
	receive, ok := stmt.X.(*ast.UnaryExpr)
	if !ok {
		return false
	}
	call, ok := receive.X.(*ast.CallExpr)
	return ok && isSelector(call.Fun, "time", "After")
}

// What only one system has lives in files named for it: _linux, _darwin,
// _windows, or _unix, with an _other for the rest.
func TestSystemsHaveTheirFiles(t *testing.T) {
	suffix := regexp.MustCompile(`_(linux|darwin|windows|unix|other)(_[a-z0-9]+)?(_test)?\.go$`)
	for _, f := range files(t) {
		if suffix.MatchString(f.path) {
			continue
		}
		for line := range strings.Lines(f.text) {
			if constraint.IsGoBuild(line) && !strings.Contains(line, "race") {
				t.Errorf("%s: a build tag, %q, in a file not named for a system", f.path, strings.TrimSpace(line))
			}
		}
		for _, spec := range f.syntax.Imports {
			if name := strings.Trim(spec.Path.Value, `"`); within(name, "golang.org/x/sys") {
				t.Errorf("%s: imports %s in a file not named for a system", f.path, name)
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if name, ok := selected(n, "syscall"); ok && !everywhere(name) {
				t.Errorf("%s:%d: syscall.%s in a file not named for a system", f.path, f.line(n.Pos()), name)
			}
			return true
		})
	}
}

// everywhere reports whether package syscall has the name on every system that
// we build for: the error numbers and a few signals.
func everywhere(name string) bool {
	return errno.MatchString(name) || slices.Contains([]string{"SIGINT", "SIGTERM", "SIGKILL", "SIGHUP", "Signal"}, name)
}

var errno = regexp.MustCompile(`^(Errno|E[A-Z0-9]+)$`)

// isSelector reports whether n is pkg.name.
func isSelector(n ast.Node, pkg, name string) bool {
	found, ok := selected(n, pkg)
	return ok && found == name
}

// selected returns the name when n is pkg.name.
func selected(n ast.Node, pkg string) (string, bool) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok || id.Name != pkg {
		return "", false
	}
	return sel.Sel.Name, true
}
