package labour

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work/exec"
)

// The owner's bounds on a unit's time and memory hold whatever a project says, and hives
// are told of them.
func TestWishBoundsUnits(t *testing.T) {
	w, err := wishOf(control.VolunteerRequest{Slots: 1, Wall: 2, Memory: 512 << 20})
	if err != nil || w.Wall != 2 || w.Memory != 512<<20 {
		t.Fatal(w, err)
	}
	p, err := newPool(t.TempDir(), &w, Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, err = p.Run(t.Context(), exec.Program{}, exec.Unit{Input: []byte("0"), Limits: exec.Limits{Wall: 3e9}})
	if !errors.Is(err, exec.ErrDenied) {
		t.Errorf("a unit that may take 3 s, where 2 s are given: %v", err)
	}
	if most := p.Most(); most.Wall != 2e9 || most.Memory != 512<<20 {
		t.Errorf("the hive is told %+v", most)
	}
	_, err = p.Run(t.Context(), exec.Program{}, exec.Unit{Input: []byte("0"), Limits: exec.Limits{Wall: 1e9, Memory: 513 << 20}})
	if !errors.Is(err, exec.ErrDenied) {
		t.Errorf("a unit that may use 513 MiB, where 512 are given: %v", err)
	}
	if _, err := wishOf(control.VolunteerRequest{Memory: -1}); err == nil {
		t.Error("negative memory is taken")
	}
	if _, err := wishOf(control.VolunteerRequest{Wall: -1}); err == nil {
		t.Error("negative time is taken")
	}
}
