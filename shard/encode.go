package shard

import (
	"fmt"
	"runtime"

	"github.com/klauspost/reedsolomon"

	"github.com/batchain/batchain/wire"
)

// Coder encodes and rebuilds segments with Reed-Solomon over GF(2⁸). It is
// safe for concurrent use.
type Coder struct {
	scheme Scheme
	rs     reedsolomon.Encoder // nil when Data is 1: all shards are copies
}

// NewCoder returns a coder for the scheme, or [ErrScheme].
func NewCoder(s Scheme) (*Coder, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Data == 1 || s.Parity == 0 {
		return &Coder{scheme: s}, nil
	}
	// One goroutine loses the fast kernels past ten shards (three times slower).
	rs, err := reedsolomon.New(s.Data, s.Parity, reedsolomon.WithMaxGoroutines(max(8, 4*runtime.NumCPU())))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScheme, err)
	}
	return &Coder{scheme: s, rs: rs}, nil
}

// Split cuts buf, which holds a whole segment's Data+Parity shards one after
// the other, into shards of the given length. Nothing is copied.
func (s Scheme) Split(buf []byte, length int) [][]byte {
	shards := make([][]byte, s.Shards())
	for i := range shards {
		shards[i] = buf[i*length : (i+1)*length : (i+1)*length]
	}
	return shards
}

// Encode fills the Parity shards from the Data shards. All have one length.
func (c *Coder) Encode(shards [][]byte) error {
	if c.rs != nil {
		return c.rs.Encode(shards)
	}
	if c.scheme.Data == 1 {
		for _, parity := range shards[1:] {
			copy(parity, shards[0])
		}
	}
	return nil
}

// Rebuild makes the missing Data shards again: a missing shard has length 0,
// and capacity for its bytes where it is to be written without allocating. It
// returns [wire.ErrDamaged] when fewer than Data shards are there.
func (c *Coder) Rebuild(shards [][]byte) error {
	present := 0
	for _, s := range shards {
		if len(s) > 0 {
			present++
		}
	}
	if present < c.scheme.Data {
		return fmt.Errorf("%d of %d data shards: %w", present, c.scheme.Data, wire.ErrDamaged)
	}
	if c.scheme.Data > 1 && c.rs != nil {
		return c.rs.ReconstructData(shards)
	}
	if c.scheme.Data == 1 && len(shards[0]) == 0 {
		for _, s := range shards[1:] {
			if len(s) > 0 {
				shards[0] = append(shards[0][:0], s...)
				break
			}
		}
	}
	return nil
}

// Restore makes the shards of the wanted indices again, Data or Parity, from any
// Data of the others; a missing shard has length 0, as for [Coder.Rebuild], and
// those that nobody wants stay missing. It returns [wire.ErrDamaged] when fewer
// than Data shards are there.
func (c *Coder) Restore(shards [][]byte, want []int) error {
	present := 0
	for _, s := range shards {
		if len(s) > 0 {
			present++
		}
	}
	if present < c.scheme.Data {
		return fmt.Errorf("%d of %d data shards: %w", present, c.scheme.Data, wire.ErrDamaged)
	}
	if c.rs != nil {
		required := make([]bool, len(shards))
		for _, i := range want {
			required[i] = true
		}
		return c.rs.ReconstructSome(shards, required)
	}
	for _, i := range want {
		for _, s := range shards {
			if c.scheme.Data == 1 && len(shards[i]) == 0 && len(s) > 0 {
				shards[i] = append(shards[i][:0], s...)
			}
		}
	}
	return nil
}
