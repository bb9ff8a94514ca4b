package worktest

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/hive"
)

// liars is a program of bees that are wrong in every nth unit, all in the same
// way.
func liars(nth uint64) bee.Inline {
	return bee.Inline{"square": func(ctx context.Context, input []byte) ([]byte, error) {
		if binary.BigEndian.Uint64(input)%nth == 0 {
			return []byte("0"), nil
		}
		return squares["square"](ctx, input)
	}}
}

// A tenth of real bees cheats, together, in every unit or in one of twenty: what
// the simulation of package work says of cost and of wrong datachunks holds for a real hive,
// whose bees take many units at a time and answer in no order.
func TestRealCheatsAreDear(t *testing.T) {
	const honest, cheats, each = 18, 2, 100
	for _, nth := range []uint64{1, 5, 20} {
		t.Run(fmt.Sprintf("one unit of %d", nth), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			h := Hive(t, nil)
			const units = (honest + cheats) * each
			if err := h.Create(ctx, project("squares", work.Policy{})); err != nil {
				t.Fatal(err)
			}
			if n, err := h.Add(ctx, "squares", numbers(units)...); n != units || err != nil {
				t.Fatal(n, err)
			}
			if err := h.Seal(ctx, "squares"); err != nil {
				t.Fatal(err)
			}
			for n := range honest + cheats {
				s, err := h.Session(ctx, work.Member{Peer: Peer(10 + n)})
				if err != nil {
					t.Fatal(err)
				}
				programs := squares
				if n%10 == 7 {
					programs = liars(nth)
				}
				Bee(t, s, programs)
			}
			wrong, next := 0, uint64(0)
			err := h.Serve(ctx, "squares", hive.Handlers{Datachunk: func(_ context.Context, c work.Datachunk) error {
				if string(c.Output) != fmt.Sprint((next+1)*(next+1)) {
					wrong++
				}
				next++
				return nil
			}})
			if err != nil || next != units {
				t.Fatal(next, err)
			}
			s, err := h.Show(ctx, "squares")
			if err != nil || s.Valid != units {
				t.Fatalf("%+v, %v", s, err)
			}
			cost := float64(s.Begun) / units
			t.Logf("%.3f executions a unit, %d of %d wrong, %d spot checks", cost, wrong, units, s.Checks)
			if cost > 1.7 || wrong > 0 {
				t.Errorf("%.3f executions a unit, %d of %d wrong", cost, wrong, units)
			}
		})
	}
}

// A cheat that is there first, alone, and has begun all units holds up nobody: few honest
// bees are enough, although each may share only so much with another one.
func TestFirstCheatHoldsUpNobody(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h := Hive(t, nil)
	const units = 16 // as many as a new bee may have
	if err := h.Create(ctx, project("squares", work.Policy{})); err != nil {
		t.Fatal(err)
	}
	if n, err := h.Add(ctx, "squares", numbers(units)...); n != units || err != nil {
		t.Fatal(n, err)
	}
	if err := h.Seal(ctx, "squares"); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{}, units)
	for n := range 5 {
		s, err := h.Session(ctx, work.Member{Peer: Peer(10 + n)})
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			Bee(t, s, squares)
			continue
		}
		Bee(t, s, bee.Inline{"square": func(context.Context, []byte) ([]byte, error) {
			answered <- struct{}{}
			return []byte("0"), nil
		}})
		for range units {
			<-answered
		}
	}
	next := uint64(0)
	err := h.Serve(ctx, "squares", hive.Handlers{Datachunk: func(_ context.Context, c work.Datachunk) error {
		if string(c.Output) != fmt.Sprint((next+1)*(next+1)) {
			t.Errorf("datachunk %d is %s", next, c.Output)
		}
		next++
		return nil
	}})
	if err != nil || next != units {
		t.Fatal(next, err)
	}
}

// Few new bees, each of which may have only so much together with each other one, ask
// again as soon as they have answered: nobody waits until a request runs out.
func TestFewNewBeesDoNotWait(t *testing.T) {
	for _, bees := range []int{2, 3, 5} {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		h := Hive(t, nil)
		if err := h.Create(ctx, project("squares", work.Policy{})); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Add(ctx, "squares", numbers(60)...); err != nil {
			t.Fatal(err)
		}
		if err := h.Seal(ctx, "squares"); err != nil {
			t.Fatal(err)
		}
		for n := range bees {
			s, err := h.Session(ctx, work.Member{Peer: Peer(10 + n)})
			if err != nil {
				t.Fatal(err)
			}
			Bee(t, s, squares)
		}
		chunks := 0
		err := h.Serve(ctx, "squares", hive.Handlers{Datachunk: func(context.Context, work.Datachunk) error {
			chunks++
			return nil
		}})
		if err != nil || chunks != 60 {
			t.Fatalf("%d bees: %d of 60 units, %v", bees, chunks, err)
		}
	}
}
