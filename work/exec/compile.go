package exec

import (
	"context"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/work/exec/meter"
)

// The files of a folder of the cache, beside those that wazero puts there.
const (
	originalFile = "original.wasm" // while it is compiled
	moduleFile   = "module.wasm"   // what is run: the original, or it metered
)

// compileSpec tells a child what to compile: the original in Dir.
type compileSpec struct {
	Dir     string `json:"dir"`
	Metered bool   `json:"metered"`
}

// serveCompile is a child that compiles one module, tells how it went, and ends.
func serveCompile(spec compileSpec) error {
	answer := message{Type: typeReady, Proto: Version}
	if err := compileIn(spec.Dir, spec.Metered); err != nil {
		answer = errorMessage(0, err)
	}
	return put(os.Stdout, answer)
}

func compileIn(dir string, metered bool) error {
	wasm, err := os.ReadFile(filepath.Join(dir, originalFile))
	if err != nil {
		return err
	}
	if metered {
		if wasm, err = meter.Rewrite(wasm); err != nil {
			return fail(CodeModule, "%v", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, moduleFile), wasm, 0o600); err != nil {
		return err
	}
	ctx := context.Background()
	runtime, _, err := compile(ctx, wasm, dir)
	if err != nil {
		return err
	}
	return runtime.Close(ctx)
}
