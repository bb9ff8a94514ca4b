package meta

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/suite/vet"
	"golang.org/x/tools/go/packages"
)

// TestSystems fails where go vet would on one of our systems. Nothing is compiled
// for them: all is typed from source, and of what we depend on the declarations
// alone, which is why it takes seconds and not minutes.
func TestSystems(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: half a minute")
	}
	files(t) // what is loaded depends on them: let the test cache know
	suite := slices.DeleteFunc(slices.Clone(vet.Suite), func(a *analysis.Analyzer) bool {
		return a.Name == "scannererr" // not part of go vet, and too strict for the lines of a child process
	})
	for _, system := range systems {
		if system == runtime.GOOS+"/"+runtime.GOARCH {
			continue // go vet itself looks at this one
		}
		t.Run(system, func(t *testing.T) {
			pkgs := load(t, system)
			found, err := checker.Analyze(suite, pkgs, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, act := range found.Roots {
				if act.Err != nil {
					t.Errorf("%v: %v", act, act.Err)
				}
				for _, d := range act.Diagnostics {
					t.Errorf("%s: %s", act.Package.Fset.Position(d.Pos), d.Message)
				}
			}
		})
	}
}

// load returns the packages of the module and their tests, as system has them.
func load(t *testing.T, system string) []*packages.Package {
	t.Helper()
	ours, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	goos, goarch, _ := strings.Cut(system, "/")
	pkgs, err := packages.Load(&packages.Config{
		Mode:  packages.LoadAllSyntax | packages.NeedModule,
		Dir:   ours,
		Env:   append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		Tests: true,
		ParseFile: func(fset *token.FileSet, name string, text []byte) (*ast.File, error) {
			if strings.HasPrefix(name, ours+string(filepath.Separator)) {
				return parser.ParseFile(fset, name, text, parser.ParseComments|parser.AllErrors)
			}
			return declarations(fset, name, text)
		},
	}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	pkgs = slices.DeleteFunc(pkgs, func(pkg *packages.Package) bool {
		return strings.HasSuffix(pkg.ID, ".test") // the main package of a test, which is made up
	})
	if len(pkgs) < 2 {
		t.Errorf("only %d packages", len(pkgs))
	}
	for _, pkg := range pkgs {
		for _, err := range pkg.Errors {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	// A file without bodies has imports that it does not use: ill typed, yet enough.
	packages.Visit(pkgs, nil, func(pkg *packages.Package) { pkg.IllTyped = false })
	return pkgs
}

// declarations parses a file and leaves out what its functions do.
func declarations(fset *token.FileSet, name string, text []byte) (*ast.File, error) {
	syntax, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if syntax == nil {
		return nil, err
	}
	for _, decl := range syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			fn.Body = nil
		}
	}
	return syntax, err
}
