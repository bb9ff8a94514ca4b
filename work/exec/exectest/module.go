package exectest

import (
	"encoding/json"
	"testing"

	"github.com/batchain/batchain/work/exec"
)

// Module is a module to be tested.
type Module struct {
	Wasm    []byte
	Context json.RawMessage
	Inputs  []json.RawMessage // that it can do
	Limits  exec.Limits       // zero: the defaults, and 10^10 of fuel
}

// CheckModule runs a module on each input, twice: metered, it answers the same
// and uses the same fuel, whatever it did before; and it computes the same when
// it is not metered. Whoever calls it calls [exec.BeChild] in TestMain.
func CheckModule(t *testing.T, m Module) {
	pool, err := exec.New(exec.Config{Dir: t.TempDir(), Slots: 1, Eager: true})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if m.Limits.Fuel == 0 {
		m.Limits.Fuel = 1e10
	}
	metered := m.runner(t, pool)
	var first []exec.Result
	for n, input := range append(m.Inputs, m.Inputs...) {
		result := metered(input)
		if n < len(m.Inputs) {
			first = append(first, result)
		} else if want := first[n-len(m.Inputs)]; string(result.Data) != string(want.Data) || result.Fuel != want.Fuel {
			t.Errorf("%s: first %s with %d of fuel, then %s with %d", input, want.Data, want.Fuel, result.Data, result.Fuel)
		}
	}
	m.Limits.Fuel = 0
	plain := m.runner(t, pool)
	for n, input := range m.Inputs {
		if result := plain(input); string(result.Data) != string(first[n].Data) {
			t.Errorf("%s: %s metered, %s not", input, first[n].Data, result.Data)
		}
	}
}

func (m Module) runner(t *testing.T, pool *exec.Pool) func(json.RawMessage) exec.Result {
	id, err := pool.Load(t.Context(), m.Wasm, m.Limits.Fuel > 0)
	if err != nil {
		t.Fatal(err)
	}
	return func(input json.RawMessage) exec.Result {
		t.Helper()
		result, err := pool.Run(t.Context(), exec.Program{Module: id, Context: m.Context}, exec.Unit{Input: input, Limits: m.Limits, Log: func(s string) { t.Log(s) }})
		if err != nil {
			t.Fatalf("%s: %v", input, err)
		}
		return result
	}
}
