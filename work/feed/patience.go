package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/batchain/batchain/wire"
)

// step does one step of the store, and again until it has been done.
func (f *feeder) step(ctx context.Context, what string, do func(context.Context) error) error {
	return f.try(ctx, what, func() error {
		limited, cancel := context.WithTimeout(ctx, f.Timeout)
		defer cancel()
		return do(limited)
	}, func(err error) bool { return !errors.As(err, new(*refusal)) })
}

// refusal is an error of the hive's, for good, in a step of the store.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// hive does one call of the hive, and again while the hive has no room for it.
func (f *feeder) hive(ctx context.Context, what string, do func(context.Context) error) error {
	err := f.try(ctx, what, func() error { return do(ctx) }, func(err error) bool {
		return errors.Is(err, wire.ErrFull) || errors.Is(err, wire.ErrBusy)
	})
	if err != nil && ctx.Err() == nil {
		return &refusal{err}
	}
	return err
}

// try does something until it has been done, or fails in a way that will not
// pass.
func (f *feeder) try(ctx context.Context, what string, do func() error, passing func(error) bool) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 500*time.Millisecond, time.Minute
	troubles := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := do()
		if err != nil && !passing(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, pause time.Duration) {
		troubles++
		f.metrics.troubles.Inc()
		f.Trouble(fmt.Errorf("%s: %w", what, err))
		f.Logger.Warn("Feed has to wait", "step", what, "pause", pause, "err", err)
	}))
	if err == nil && troubles > 0 {
		f.Trouble(nil)
		f.Logger.Info("Feed goes on", "step", what, "tries", troubles+1)
	}
	return err
}
