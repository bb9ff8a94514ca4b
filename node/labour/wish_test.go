package labour

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work/exec"
)

// The owner's bound on a unit's time holds whatever a project says.
func TestWishBoundsTime(t *testing.T) {
	w, err := wishOf(control.VolunteerRequest{Slots: 1, Wall: 2})
	if err != nil || w.Wall != 2 {
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
	if _, err := wishOf(control.VolunteerRequest{Wall: -1}); err == nil {
		t.Error("negative time is taken")
	}
}
