package worktest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/hive"
)

// squares is a program that squares a number.
var squares = bee.Inline{"square": func(_ context.Context, input []byte) ([]byte, error) {
	if len(input) != 8 {
		return nil, errors.New("no number")
	}
	n := binary.BigEndian.Uint64(input)
	return fmt.Appendf(nil, "%d", n*n), nil
}}

// wrongSquares is how a cheat does it.
var wrongSquares = bee.Inline{"square": func(context.Context, []byte) ([]byte, error) { return []byte("0"), nil }}

func project(name string, policy work.Policy) work.Project {
	return work.Project{Name: name, Program: work.Program{Kind: work.Inline, Name: "square"}, Policy: policy}
}

func numbers(n int) []work.Unit {
	units := make([]work.Unit, n)
	for i := range units {
		units[i].Input = binary.BigEndian.AppendUint64(nil, uint64(i+1))
	}
	return units
}

// Real hosts, proofs of work, cheats among the bees: every datachunk is right and
// in its place.
func TestMeshOfBees(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	at := Host(t, 1)
	h := Hive(t, func(cfg *hive.Config) { cfg.Self, cfg.Strength = at.ID(), 10 })
	Serve(t, at, h)
	if err := h.Create(ctx, project("squares", work.Policy{})); err != nil {
		t.Fatal(err)
	}
	const units = 300
	if n, err := h.Add(ctx, "squares", numbers(units)...); n != units || err != nil {
		t.Fatal(n, err)
	}
	if err := h.Seal(ctx, "squares"); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		Bee(t, Client(t, 10+n, at), squares)
	}
	Bee(t, Client(t, 20, at), wrongSquares)
	next := uint64(0)
	err := h.Serve(ctx, "squares", hive.Handlers{Datachunk: func(_ context.Context, c work.Datachunk) error {
		if want := fmt.Sprint((next + 1) * (next + 1)); c.Seq != next || string(c.Output) != want || c.State != work.Valid {
			t.Errorf("datachunk %d is %d, %q (%v %s), want %s", next, c.Seq, c.Output, c.State, c.Reason, want)
		}
		next++
		return nil
	}})
	if err != nil || next != units {
		t.Fatal(next, err)
	}
	s, err := h.Show(ctx, "squares")
	if err != nil || s.State != hive.Finished || s.Valid != units {
		t.Errorf("%+v, %v", s, err)
	}
	t.Logf("%d units, %d attempts, %d checks", s.Made, s.Begun, s.Checks)
}
