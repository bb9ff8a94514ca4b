package labour

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work/exec"
)

// wasmMagic is what a module begins with.
const wasmMagic = "\x00asm"

// isModule refuses what is none at first sight.
func isModule(data []byte, name string) error {
	if !bytes.HasPrefix(data, []byte(wasmMagic)) {
		return fmt.Errorf("%s is no WebAssembly module", name)
	}
	return nil
}

func readModule(path string) ([]byte, error) {
	module, err := readFile(path, exec.MaxModule)
	if err == nil {
		err = isModule(module, path)
	}
	return module, err
}

// readFile reads a file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileFault(err, path)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return data, err
}

func fileFault(err error, path string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return control.NewError(control.ExitNotFound, 31, "%s is not there", path).Wrap(err)
	case errors.Is(err, fs.ErrPermission):
		return control.NewError(control.ExitPermission, 31, "%s may not be read", path).Wrap(err)
	}
	return err
}
