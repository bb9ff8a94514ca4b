package feedtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/feed"
	"github.com/batchain/batchain/work/hive"
)

// Check runs all tests of a store. Each gets a place of its own.
func Check(t *testing.T, place func(t *testing.T) Place) {
	run := func(name string, test func(*testing.T, *trial)) {
		t.Run(name, func(t *testing.T) {
			test(t, &trial{place(t), world{dir: t.TempDir(), bees: 2, config: feed.Config{Once: true, Poll: 10 * time.Millisecond}}})
		})
	}
	run("units", units)
	run("bad units", badUnits)
	run("killed", func(t *testing.T, first *trial) { killed(t, place) })
	run("away and back", awayAndBack)
	run("another hive", anotherHive)
	run("cancelled", cancelled)
	run("ahead", ahead)
	run("more later", moreLater)
}

// trial is a place and a world around it.
type trial struct {
	Place
	world
}

// run lives with the store until the feed ends.
func (r *trial) run(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store := r.Open(t)
	r.config.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	err := r.live(ctx, store)
	if closing := store.Close(); closing != nil {
		t.Fatal(closing)
	}
	return err
}

// insert puts numbers there.
func (r *trial) insert(t *testing.T, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		r.Insert(t, fmt.Sprintf("u%d", n), fmt.Sprint(n))
	}
}

// expect compares what came of a unit; want is the state and the beginning of
// the text.
func (r *trial) expect(t *testing.T, name, want string) {
	t.Helper()
	state, text := r.Outcome(t, name)
	if got := strings.TrimSpace(state + " " + text); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
		t.Errorf("unit %s came to %.200q, want %q", name, got, want)
	}
}

func (r *trial) expectSquares(t *testing.T, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		state, text := r.Outcome(t, fmt.Sprintf("u%d", n))
		if want := fmt.Sprint(n * n); state != "done" || text != want {
			t.Errorf("unit %d is %q, %.200q; want %s", n, state, text, want)
		}
	}
}

// units: more than fit in one step, each done once.
func units(t *testing.T, r *trial) {
	const count = 300
	r.insert(t, 0, count)
	r.Insert(t, "broken", "-1")
	if err := r.run(t); err != nil {
		t.Fatal(err)
	}
	r.expectSquares(t, 0, count)
	r.expect(t, "broken", "failed")
	if r.made != count+1 {
		t.Errorf("%d units were made of %d", r.made, count+1)
	}
}

// badUnits are failed with a reason, and hold up nobody.
func badUnits(t *testing.T, r *trial) {
	r.insert(t, 0, 3)
	r.Insert(t, "words", "no JSON at all")
	r.Insert(t, "nothing", "")
	r.Insert(t, "half", `{"a":`)
	r.Insert(t, "binary", "\"\xff\xfe\"")
	r.Insert(t, "long", `"`+strings.Repeat("x", work.MaxInput)+`"`)
	r.Insert(t, "longest", `"`+strings.Repeat("x", work.MaxInput-2)+`"`)
	r.insert(t, 3, 6)
	if err := r.run(t); err != nil {
		t.Fatal(err)
	}
	r.expectSquares(t, 0, 6)
	for name, want := range map[string]string{
		"words": "failed the input is no JSON", "nothing": "failed the input is no JSON", "half": "failed the input is no JSON",
		"binary": "failed the input is no JSON", "long": fmt.Sprintf("failed the input has %d bytes", work.MaxInput+2), "longest": "failed",
	} {
		r.expect(t, name, want)
	}
	if r.made != 7 {
		t.Errorf("%d units were made of 7", r.made)
	}
}

// killed: before or after any step, nothing is lost and nothing done twice.
func killed(t *testing.T, place func(*testing.T) Place) {
	for _, step := range []string{"cursor", "claimed", "claim", "put", "finish"} {
		for _, call := range []int{0, 1} {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprint(step, call, after), func(t *testing.T) {
					r := &trial{place(t), world{dir: t.TempDir(), bees: 1, config: feed.Config{Once: true, Poll: 10 * time.Millisecond, Ahead: 3}}}
					r.insert(t, 0, 8)
					r.wrap = killing(step, call, after)
					if err := r.run(t); !errors.Is(err, errKilled) && (err != nil || call == 0) {
						t.Fatalf("it was to be killed, and ended with %v", err)
					}
					r.wrap = nil
					if err := r.run(t); err != nil {
						t.Fatal(err)
					}
					r.expectSquares(t, 0, 8)
					if r.made != 8 {
						t.Errorf("%d units were made of 8", r.made)
					}
				})
			}
		}
	}
}

// awayAndBack: what the store refuses, or does without saying so, is tried again.
func awayAndBack(t *testing.T, r *trial) {
	r.insert(t, 0, 20)
	r.config.Ahead = 10
	r.wrap = away
	if err := r.run(t); err != nil {
		t.Fatal(err)
	}
	r.expectSquares(t, 0, 20)
	if r.made != 20 {
		t.Errorf("%d units were made of 20", r.made)
	}
}

// anotherHive: one that lost its folder is told, before results get lost.
func anotherHive(t *testing.T, r *trial) {
	r.insert(t, 0, 3)
	if err := r.run(t); err != nil {
		t.Fatal(err)
	}
	r.insert(t, 3, 5)
	r.dir = t.TempDir()
	if err := r.run(t); !errors.Is(err, feed.ErrOtherHive) {
		t.Errorf("a new hive takes the store: %v", err)
	}
	r.expect(t, "u3", "")
}

// cancelled: what was claimed and not done is cancelled, the rest is not touched.
func cancelled(t *testing.T, r *trial) {
	r.insert(t, 0, 8)
	r.bees, r.config.Ahead, r.config.Once = 0, 5, false
	r.during = func(ctx context.Context, h *hive.Hive) error {
		err := eventually(ctx, "units are made", func() bool {
			s, err := h.Show(ctx, project)
			return err == nil && s.Made == 5
		})
		if err != nil {
			return err
		}
		return h.Cancel(ctx, project)
	}
	if err := r.run(t); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for n := range 8 {
		state, _ := r.Outcome(t, fmt.Sprintf("u%d", n))
		counts[state]++
	}
	if counts["cancelled"] != 5 || counts[""] != 3 {
		t.Errorf("outcomes: %v", counts)
	}
}

// ahead: no more is claimed than the feed may hold.
func ahead(t *testing.T, r *trial) {
	r.insert(t, 0, 40)
	r.config.Ahead = 7
	if err := r.run(t); err != nil {
		t.Fatal(err)
	}
	r.expectSquares(t, 0, 40)
}

// moreLater: what comes while the feed waits is done as well.
func moreLater(t *testing.T, r *trial) {
	r.config.Once = false
	r.insert(t, 0, 3)
	r.during = func(ctx context.Context, h *hive.Hive) error {
		for last := range 3 {
			err := eventually(ctx, "units are done", func() bool {
				state, _ := r.Outcome(t, fmt.Sprintf("u%d", 3*last+2))
				return state == "done"
			})
			if err != nil {
				return err
			}
			r.insert(t, 3*last+3, 3*last+6)
		}
		return h.Seal(ctx, project)
	}
	if err := r.run(t); err != nil {
		t.Fatal(err)
	}
	r.expectSquares(t, 0, 9)
}
