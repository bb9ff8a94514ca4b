package meta

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// TestSystems fails when a package, or a test, is no Go of one of our other systems. It
// checks types by the sources, those of other modules without what is in their functions: that
// takes a tenth of the time of compiling all of it for each system.
func TestSystems(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it reads the sources of all that is linked")
	}
	files(t) // the checker depends on them: let the test cache know
	for _, system := range systems {
		if system == runtime.GOOS+"/"+runtime.GOARCH {
			continue
		}
		t.Run(system, func(t *testing.T) {
			goos, goarch, _ := strings.Cut(system, "/")
			checked, err := packages.Load(&packages.Config{
				Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
					packages.NeedTypes | packages.NeedTypesSizes | packages.NeedTypesInfo | packages.NeedSyntax | packages.NeedModule,
				Dir: root, Tests: true, Env: append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
			}, "./...")
			if err != nil {
				t.Fatal(err)
			}
			if len(checked) < 2 {
				t.Errorf("only %d packages", len(checked))
			}
			for _, p := range checked {
				for _, e := range p.Errors {
					t.Error(e)
				}
			}
		})
	}
}
