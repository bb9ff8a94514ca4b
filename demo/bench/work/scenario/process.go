package scenario

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

func native(_ context.Context, dir string) (doer, func(), error) {
	return process(exec.Command(filepath.Join(dir, "native")))
}

// wasiScript runs a module as node does. A guest of Go's takes a pipe for a socket,
// has it not wait, and then fails in node where there is nothing to read yet; so
// that wish is not granted.
const wasiScript = `const {WASI} = require('wasi');
const wasi = new WASI({version: 'preview1', args: ['program'], env: {}});
const guest = new WebAssembly.Module(require('fs').readFileSync(process.argv[1]));
const calls = {...wasi.wasiImport, fd_fdstat_set_flags: () => 0};
wasi.start(new WebAssembly.Instance(guest, {wasi_snapshot_preview1: calls}));`

func node(_ context.Context, dir string) (doer, func(), error) {
	return process(exec.Command("node", "--no-warnings", "-e", wasiScript, filepath.Join(dir, "module.wasm")))
}

// process speaks the line protocol with a process.
func process(cmd *exec.Cmd) (doer, func(), error) {
	theirs, in, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = theirs.Close() }()
	cmd.Stdin, cmd.Stderr = theirs, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		_ = in.Close()
		return nil, nil, err
	}
	end := func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // its end is what was asked for
	}
	return talk(in, out), end, nil
}

var errAnswer = errors.New("the program answered with something else")

// talk returns what does units by the line protocol.
func talk(in io.Writer, out io.Reader) doer {
	lines := json.NewDecoder(bufio.NewReader(out))
	greeted, id := false, 0
	return func(input []byte) (json.RawMessage, error) {
		var answer struct {
			Type string
			Data json.RawMessage
		}
		if !greeted {
			greeted = true
			if _, err := fmt.Fprintln(in, `{"type":"hello","proto":1}`); err != nil {
				return nil, err
			}
			if err := lines.Decode(&answer); err != nil {
				return nil, err
			}
		}
		id++
		if _, err := fmt.Fprintf(in, `{"type":"work","id":%d,"input":%s}`+"\n", id, input); err != nil {
			return nil, err
		}
		if err := lines.Decode(&answer); err != nil {
			return nil, err
		}
		if answer.Type != "result" {
			return nil, fmt.Errorf("%w: %q", errAnswer, answer.Type)
		}
		return answer.Data, nil
	}
}
