package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/batchain/batchain/work/exec/meter"
)

// guestSpec tells a child which module it runs.
type guestSpec struct {
	Dir     string `json:"dir"`   // of the compiled module
	Files   string `json:"files"` // folder in which the files of a unit are
	Metered bool   `json:"metered"`
}

// guest is a compiled module, in the child that runs it.
type guest struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	metered  bool
	files    fs.FS
	memory   memory
	hello    message
}

// serveGuest is a child that runs units: a worker of the line protocol.
func serveGuest(spec guestSpec) error {
	ctx := context.Background()
	lines := newLineReader(os.Stdin)
	root, err := os.OpenRoot(spec.Files)
	if err != nil {
		return err
	}
	g := &guest{metered: spec.Metered, files: timeless{root.FS()}}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil // whoever started us is gone
		}
		if err != nil {
			return err
		}
		m, err := parseMessage(line)
		if err != nil {
			return err
		}
		answer := message{Type: typePong, ID: m.ID}
		switch m.Type {
		case typeHello:
			g.hello = m
			answer = message{Type: typeReady, Proto: Version}
			if err := g.load(ctx, spec.Dir); err != nil {
				answer = errorMessage(0, err)
			}
		case typeWork:
			answer = g.work(ctx, m)
		case typeStop:
			return nil
		case typePing:
		default:
			continue
		}
		if err := put(os.Stdout, answer); err != nil {
			return err
		}
	}
}

// put writes one line.
func put(w io.Writer, m message) error {
	line, err := appendMessage(nil, m)
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}

// errorMessage is the line that says why a unit failed.
func errorMessage(id uint64, err error) message {
	var f *Failure
	if !errors.As(err, &f) {
		f = fail(CodeDied, "%v", err)
	}
	return message{
		Type: typeError, ID: id, Code: string(f.Code), Reason: f.Reason,
		Message: f.Message, Retry: f.Retryable, Fuel: f.Fuel,
	}
}

// load reads the compiled module from its folder.
func (g *guest) load(ctx context.Context, dir string) (err error) {
	wasm, err := os.ReadFile(filepath.Join(dir, moduleFile))
	if err != nil {
		return err
	}
	g.runtime, g.compiled, err = compile(ctx, wasm, dir)
	return err
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

// work does one unit in an instance of its own.
func (g *guest) work(ctx context.Context, m message) message {
	u := &guestUnit{guest: g, id: m.ID, limits: *m.Limits}
	u.out.u, u.log.room = u, guestLogSize
	u.room = u.limits.Output
	err := u.run(ctx, m)
	if err == nil && u.result == nil {
		err = fail(CodeProtocol, "it ended without a result")
	}
	if err != nil {
		answer := errorMessage(m.ID, err)
		answer.Fuel = u.used
		return answer
	}
	return message{Type: typeResult, ID: m.ID, Data: u.result, Fuel: u.used}
}

// run gives the guest its lines and lets it go until it ends.
func (u *guestUnit) run(ctx context.Context, m message) (err error) {
	var input []byte
	for _, line := range []message{
		{Type: typeHello, Proto: Version, Context: u.guest.hello.Context},
		{Type: typeWork, ID: guestID, Seq: m.Seq, Input: m.Input, Files: guestPaths(m.Files)},
		{Type: typeStop},
	} {
		if input, err = appendMessage(input, line); err != nil {
			return err
		}
	}
	memory := &u.guest.memory
	memory.serve(uint64(u.limits.Memory))
	defer func() {
		if p := recover(); p != nil {
			err = fail(CodeModule, "%v", p)
		}
		if memory.exceeded && err != nil {
			err = fail(CodeMemory, "more than %d bytes", memory.limit)
		}
	}()
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions().
		WithStdin(bytes.NewReader(input)).WithStdout(&u.out).WithStderr(&u.log).
		WithFSConfig(wazero.NewFSConfig().WithFSMount(u.guest.files, guestFolder))
	instance, err := u.guest.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, memory), u.guest.compiled, config)
	if err != nil {
		return u.failure(err)
	}
	defer instance.Close(ctx)
	return u.failure(u.call(ctx, instance))
}

// guestFolder is where a module sees the files of its unit.
const guestFolder = "/in"

// guestPaths returns the paths of files as a module sees them.
func guestPaths(files map[string]string) map[string]string {
	paths := map[string]string{}
	for name := range files {
		paths[name] = path.Join(guestFolder, name)
	}
	return paths
}

// call runs the instance, with as much fuel as it may use.
func (u *guestUnit) call(ctx context.Context, instance api.Module) error {
	if !u.guest.metered {
		_, err := instance.ExportedFunction(entry).Call(ctx)
		return err
	}
	fuel := instance.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	fuel.Set(u.limits.Fuel)
	defer func() { u.used = u.limits.Fuel - fuel.Get() }()
	if start := instance.ExportedFunction(meter.StartFunction); start != nil {
		if _, err := start.Call(ctx); err != nil {
			return err
		}
	}
	_, err := instance.ExportedFunction(entry).Call(ctx)
	if int64(fuel.Get()) < 0 {
		return fail(CodeFuel, "more than %d", u.limits.Fuel)
	}
	return err
}

// failure puts the end of a guest in our words.
func (u *guestUnit) failure(err error) error {
	var exit *sys.ExitError
	var known *Failure
	switch {
	case u.cut != nil:
		return u.cut
	case err == nil, errors.As(err, &known):
		return err
	case errors.As(err, &exit) && exit.ExitCode() == 0:
		return nil
	case errors.As(err, &exit):
		return fail(CodeExit, "exit code %d", exit.ExitCode())
	}
	fmt.Fprintln(&u.log, err) // with its stack, for whoever runs the bee
	return fail(CodeTrap, "%v", err)
}
