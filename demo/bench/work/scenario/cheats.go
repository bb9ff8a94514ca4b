package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/work/participant"
	"github.com/batchain/batchain/demo/bench/work/unit"
)

// cheats is workers of which a tenth, and then three tenths, answer wrongly, all
// the same: how many of the outputs that come out are wrong, and how many
// executions a unit takes.
func cheats(ctx context.Context, s participant.System, in Stage) (Values, error) {
	v := Values{}
	n := 4000
	if s.Spawns || s.Least > 2 {
		n = 400
	}
	hands := 20 // workers
	if in.Short {
		n, hands = n/10, 10
	}
	for _, percent := range []int{10, 30} {
		err := in.with(ctx, s, func(q participant.Queue, dir string) error {
			count := filepath.Join(dir, "count")
			liars := hands * percent / 100
			if err := q.Work(ctx, hands-liars, unit.CountEnv+"="+count); err != nil {
				return err
			}
			if err := q.Work(ctx, liars, unit.CountEnv+"="+count, unit.CheatEnv+"=1"); err != nil {
				return err
			}
			got := newTaken(1)
			if err := add(ctx, q, 0, n, 1); err != nil {
				return err
			}
			if err := got.take(ctx, q, n); err != nil {
				return err
			}
			executions, err := os.Stat(count)
			if err != nil {
				return err
			}
			v[fmt.Sprintf("wrong_%d", percent)] = 100 * figure.Value(got.wrong) / figure.Value(n)
			v[fmt.Sprintf("executions_%d", percent)] = figure.Value(executions.Size()) / figure.Value(n)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%d %% cheat: %w", percent, err)
		}
	}
	return v, nil
}
