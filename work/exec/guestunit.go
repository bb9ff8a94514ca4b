package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/batchain/batchain/work/exec/meter"
)

// guestID is the number of every unit as the module sees it: it sees only one.
const guestID = 1

// guestUnit is a unit while a module does it.
type guestUnit struct {
	guest  *guest
	id     uint64
	limits Limits
	room   int64 // what it may still write
	line   []byte
	result json.RawMessage
	used   uint64   // fuel
	cut    *Failure // why it was cut off
	out    guestOut
	log    guestLog
}

// guestOut takes what the module writes to its standard output.
type guestOut struct{ u *guestUnit }

// Write never returns when the module is to be cut off: a panic in a function
// of the host is the one way to end a module in the middle.
func (o *guestOut) Write(p []byte) (int, error) {
	u := o.u
	if u.room -= int64(len(p)); u.room < 0 {
		u.stop(fail(CodeOutput, "more than %d bytes", u.limits.Output))
	}
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		if len(u.line)+len(part) >= MaxLine {
			u.stop(fail(CodeProtocol, "%v", errLong))
		}
		u.line = append(u.line, part...)
		if whole {
			u.heard(u.line)
			u.line = u.line[:0]
		}
		rest = after
	}
	return len(p), nil
}

func (u *guestUnit) stop(f *Failure) {
	u.cut = f
	panic(f)
}

// heard is one line of the module. It gets no second try: on other machines it
// would write the same.
func (u *guestUnit) heard(line []byte) {
	m, err := parseMessage(line)
	switch {
	case err != nil:
		u.stop(fail(CodeProtocol, "%v", err))
	case m.Type == typeResult && u.result != nil:
		u.stop(fail(CodeProtocol, "a second result"))
	case m.Type == typeResult:
		u.result = m.Data
	case m.Type == typeError:
		f := fail(CodeWorker, "%s", m.Message)
		f.Reason, f.Retryable = clean(m.Code), m.Retry
		u.stop(f)
	case m.Type == typeProgress, m.Type == typeLog:
		m.Data = nil
		u.pass(m)
	case m.Type == typeSave:
		u.room += int64(len(line)) + 1 // how often it saves decides nothing
		if !u.guest.metered {
			u.pass(m)
		}
	}
}

// pass passes a line on.
func (u *guestUnit) pass(m message) {
	m.ID, m.Input = u.id, nil
	if err := put(os.Stdout, m); err != nil {
		os.Exit(1) // whoever started us is gone
	}
}

// run gives the guest its lines and lets it go until it ends.
func (u *guestUnit) run(ctx context.Context, m message) (err error) {
	var input []byte
	for _, line := range []message{
		{Type: typeHello, Proto: Version, Context: u.guest.hello.Context},
		{Type: typeWork, ID: guestID, Seq: m.Seq, Input: m.Input, Saved: m.Saved, Files: guestPaths(m.Files)},
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
