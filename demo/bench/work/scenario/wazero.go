package scenario

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// inProcess is wazero in this process. Closable, it is told that a guest may be
// stopped: the other way to be rid of one that does not end.
func inProcess(closable bool) way {
	return func(ctx context.Context, dir string) (doer, func(), error) {
		wasm, err := os.ReadFile(filepath.Join(dir, "module.wasm"))
		if err != nil {
			return nil, nil, err
		}
		vm := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(closable))
		end := func() { _ = vm.Close(context.WithoutCancel(ctx)) }
		if _, err := wasi_snapshot_preview1.Instantiate(ctx, vm); err != nil {
			end()
			return nil, nil, err
		}
		compiled, err := vm.CompileModule(ctx, wasm)
		if err != nil {
			end()
			return nil, nil, err
		}
		do, stop := serve(ctx, vm, compiled)
		return do, func() { stop(); end() }, nil
	}
}

// serve runs a guest that waits for units, until it is stopped.
func serve(ctx context.Context, vm wazero.Runtime, compiled wazero.CompiledModule) (do doer, stop func()) {
	in, toGuest := io.Pipe()
	fromGuest, out := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := vm.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStdin(in).WithStdout(out))
		_ = out.CloseWithError(err) // nil when the guest has ended well
	}()
	return talk(toGuest, fromGuest), func() {
		_ = toGuest.Close()
		<-ended
	}
}
