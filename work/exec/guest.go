package exec

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
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
