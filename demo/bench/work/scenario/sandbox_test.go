package scenario

import (
	"os"
	"testing"

	pool "github.com/batchain/batchain/work/exec"
)

func TestMain(m *testing.M) {
	pool.BeChild()
	os.Exit(m.Run())
}

// All ways come to the same.
func TestWays(t *testing.T) {
	dir := t.TempDir()
	if err := buildProgram(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"pi": "3131592903558556", "sha256": `"PshMZg=="`, "json": "9"}
	asked := map[string]string{
		"pi": `{"task":"pi","count":100}`, "sha256": `{"task":"sha256","count":2}`, "json": `{"task":"json","count":3}`,
	}
	for _, s := range sandboxSystems {
		t.Run(s.Name, func(t *testing.T) {
			if err := s.Missing(); err != nil {
				t.Skip("SKIPPED", err)
			}
			do, end, err := ways[s.Name](t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer end()
			for task, input := range asked {
				if got, err := do([]byte(input)); err != nil || string(got) != want[task] {
					t.Errorf("%s: %s, %v; want %s", task, got, err, want[task])
				}
			}
		})
	}
}
