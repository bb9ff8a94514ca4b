package feed

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/batchain/batchain/work"
)

// importUnits brings the store's units into the hive, until there are no more
// or the project takes none.
func (f *feeder) importUnits(ctx context.Context) error {
	err := error(nil)
	for err == nil {
		err = f.addMore(ctx)
	}
	switch {
	case errors.Is(err, io.EOF):
		return f.hive(ctx, "seal", func(ctx context.Context) error { return f.Hive.Seal(ctx, f.Project) })
	case errors.Is(err, work.ErrSealed):
		return nil
	}
	return err
}

// addClaimed adds what is claimed and not put: the hive may have it, or not.
func (f *feeder) addClaimed(ctx context.Context) error {
	f.counting.Lock()
	defer f.counting.Unlock()
	err := f.step(ctx, "claimed", func(ctx context.Context) error {
		var units []work.Unit
		count := int64(0)
		for u, err := range f.Store.Claimed(ctx) {
			if err != nil {
				return err
			}
			count++
			if units = append(units, u); len(units) == maxUnits {
				if err := f.add(ctx, units); err != nil {
					return err
				}
				units = units[:0]
			}
		}
		f.claimed.Store(count)
		return f.add(ctx, units)
	})
	if errors.Is(err, work.ErrSealed) {
		return nil
	}
	return err
}

// addMore claims and adds one batch, or waits. It returns io.EOF when there are no
// more.
func (f *feeder) addMore(ctx context.Context) error {
	room := int64(f.Ahead) - f.claimed.Load()
	if room <= 0 {
		return f.rest(ctx)
	}
	var units []work.Unit
	ending, tries := error(nil), 0
	err := f.step(ctx, "claim", func(ctx context.Context) (err error) {
		tries++
		units, err = f.Store.Claim(ctx, int(min(room, maxUnits)))
		if errors.Is(err, io.EOF) || errors.Is(err, work.ErrNoWork) {
			ending, err = err, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	f.claimed.Add(int64(len(units)))
	if err := f.add(ctx, units); err != nil {
		return err
	}
	switch {
	case tries > 1: // one that seemed to fail may have claimed
		return f.addClaimed(ctx)
	case ending == nil:
		return nil
	case errors.Is(ending, io.EOF) && f.Once:
		return io.EOF
	}
	return f.rest(ctx)
}

// add adds units to the hive; those that it has are nothing new.
func (f *feeder) add(ctx context.Context, units []work.Unit) error {
	if len(units) == 0 {
		return nil
	}
	added := 0
	err := f.hive(ctx, "add", func(ctx context.Context) (err error) {
		added, err = f.Hive.Add(ctx, f.Project, units...)
		return err
	})
	f.metrics.units.Add(float64(added))
	return err
}

func (f *feeder) rest(ctx context.Context) error {
	timer := time.NewTimer(f.Poll)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
