package unit

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDo(t *testing.T) {
	in := Input(7, 3)
	if len(in) != Size {
		t.Errorf("%d bytes", len(in))
	}
	out, err := Do(in)
	if err != nil || string(out) != "7 f1dd956fc071a364" {
		t.Errorf("%q, %v", out, err)
	}
	if n, err := Number(out); n != 7 || err != nil {
		t.Error(n, err)
	}
	for _, bad := range []string{"", "7", "7 x", "7 0 x"} {
		if out, err := Do([]byte(bad)); err == nil {
			t.Errorf("%q made %q", bad, out)
		}
	}
}

func TestServe(t *testing.T) {
	counted := filepath.Join(t.TempDir(), "count")
	t.Setenv(CountEnv, counted)
	honest, err := Serve(Input(7, 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(CheatEnv, "1")
	wrong, err := Serve(Input(7, 1))
	if err != nil || string(wrong) == string(honest) || string(wrong) != "7 0000000000000000" {
		t.Errorf("%q, %v", wrong, err)
	}
	if info, err := os.Stat(counted); err != nil || info.Size() != 2 {
		t.Error(info, err)
	}
}

func TestRounds(t *testing.T) {
	if short, long := Rounds(time.Millisecond), Rounds(10*time.Millisecond); short < 100 || long < 2*short {
		t.Errorf("a millisecond is %d rounds, ten are %d", short, long)
	}
}
