package exec

import (
	"context"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

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

// compile compiles a module, or takes it from the folder if it was before.
func compile(ctx context.Context, wasm []byte, dir string) (wazero.Runtime, wazero.CompiledModule, error) {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, nil, err
	}
	config := wazero.NewRuntimeConfig().WithCompilationCache(cache).
		WithCoreFeatures(api.CoreFeaturesV2).WithDebugInfoEnabled(false)
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	wasi, err := wasi_snapshot_preview1.Instantiate(ctx, runtime)
	if err != nil {
		return nil, nil, err
	}
	compiled, err := runtime.CompileModule(ctx, wasm)
	if err != nil {
		return nil, nil, fail(CodeModule, "%v", err)
	}
	return runtime, compiled, runnable(compiled, wasi)
}

// runnable says why a valid module is none that we run.
func runnable(compiled wazero.CompiledModule, wasi api.Closer) error {
	if _, ok := compiled.ExportedFunctions()[entry]; !ok {
		return fail(CodeModule, "it exports no function %s", entry)
	}
	offered := wasi.(api.Module).ExportedFunctionDefinitions()
	for _, f := range compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		if _, ok := offered[name]; !ok || module != wasi_snapshot_preview1.ModuleName {
			return fail(CodeModule, "it imports %s.%s, which is not of WASI preview 1", module, name)
		}
	}
	return nil
}

// entry is the function that a WASI command begins with.
const entry = "_start"
