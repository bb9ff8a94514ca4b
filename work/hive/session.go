package hive

import (
	"context"

	"github.com/batchain/batchain/work"
)

// Session is a hive as one bee of the same process sees it.
type Session struct {
	hive *Hive
	bee  work.Member
}

// Session admits m and returns its view of the hive.
func (h *Hive) Session(ctx context.Context, m work.Member) (*Session, error) {
	if err := h.Register(ctx, m); err != nil {
		return nil, err
	}
	return &Session{h, m}, nil
}

// Request is [Hive.Request].
func (s *Session) Request(ctx context.Context, wish work.Wish) (work.Batch, error) {
	return s.hive.Request(ctx, s.bee, wish)
}

// Submit is [Hive.Submit].
func (s *Session) Submit(ctx context.Context, results []work.Result) ([]error, error) {
	return s.hive.Submit(ctx, s.bee, results)
}

// Beat is [Hive.Beat].
func (s *Session) Beat(ctx context.Context, beats []work.Beat) ([]work.Order, error) {
	return s.hive.Beat(ctx, s.bee, beats)
}
