package exec

import (
	"errors"
	"strings"
	"testing"
	"time"

	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// newPool returns a pool that is closed at the end of the test.
func newPool(t testing.TB, config Config) *Pool {
	t.Helper()
	config.Dir, config.Eager = t.TempDir(), true // these tests are to end on a busy machine, too
	p, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// printer is a module that runs code and then prints lines.
func printer(lines string, code ...any) []byte {
	const scratch = 60000
	body := append(mt.Code(code...), mt.Print(scratch, 0, len(lines))...)
	return mt.Module{
		Imports: mt.WASI(), Pages: 1, Table: 1, Data: []byte(lines),
		Funcs: []mt.Func{{Name: "_start", Locals: []byte{mt.I32, mt.I32}, Body: body}},
	}.Bytes()
}

const answer = `{"type":"result","id":1,"data": {"answer": 42}}` + "\n"

func TestModules(t *testing.T) {
	limits := Limits{Fuel: 1e6, Memory: 1 << 20, Output: 4096, Wall: 20 * time.Second}
	unmetered := limits
	unmetered.Fuel = 0
	unmetered.Wall = time.Second
	forever := mt.Code(mt.Loop, mt.Void, mt.Br, byte(0), mt.End)
	tests := map[string]struct {
		wasm   []byte
		limits Limits
		want   error
		text   string
	}{
		"result":           {printer(answer), limits, nil, ""},
		"result unmetered": {printer(answer), unmetered, nil, ""},
		"loops":            {printer(answer, forever), limits, ErrFuel, "fuel: more than 1000000"},
		"loops unmetered":  {printer(answer, forever), unmetered, ErrWall, "wall: not done after 1s"},
		"traps":            {printer(answer, mt.Unreachable), limits, ErrTrap, "trap: wasm error: unreachable"},
		"exits":            {printer(answer, mt.I32Const, 3, mt.Call, mt.ProcExit), limits, ErrExit, "exit: exit code 3"},
		"exits well":       {printer(answer, mt.Print(60000, 0, len(answer)), mt.I32Const, 0, mt.Call, mt.ProcExit), limits, nil, ""},
		"says nothing":     {printer("\n", mt.I32Const, 0, mt.Call, mt.ProcExit), limits, ErrProtocol, "protocol: it ended without a result"},
		"says rubbish":     {printer("rubbish\n"), limits, ErrProtocol, "protocol: no line of the protocol"},
		"answers twice":    {printer(answer, mt.Print(60000, 0, len(answer))), limits, ErrProtocol, "protocol: a second result"},
		"writes for ever":  {printer("\n\n\n\n", mt.Loop, mt.Void, mt.Print(60000, 8, 8), mt.Br, byte(0), mt.End), limits, ErrOutput, "output: more than 4096 bytes"},
		"allocates for ever": {printer(answer, mt.Loop, mt.Void, mt.I32Const, 1, mt.MemoryGrow, byte(0),
			mt.I32Const, -1, byte(0x46), mt.If, mt.Void, mt.Unreachable, mt.End, mt.Br, byte(0), mt.End), limits, ErrMemory, "memory: more than 1048576 bytes"},
		"says it cannot": {printer(`{"type":"error","id":1,"code":"bad","message":"no\nway","retryable":true}` + "\n"), limits, ErrWorker, "worker bad: no"},
	}
	p := newPool(t, Config{})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := p.Load(t.Context(), test.wasm, test.limits.Fuel > 0)
			if err != nil {
				t.Fatal(err)
			}
			result, err := p.Run(t.Context(), Program{Module: id}, Unit{Input: []byte(`0`), Limits: test.limits})
			if test.want == nil {
				if err != nil || string(result.Data) != `{"answer":42}` || (result.Fuel > 0) != (test.limits.Fuel > 0) {
					t.Errorf("%s, fuel %d, %v", result.Data, result.Fuel, err)
				}
				return
			}
			var f *Failure
			if !errors.Is(err, test.want) || !errors.As(err, &f) || !strings.HasPrefix(f.Error(), test.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, test.text)
			}
		})
	}
}
