package bee

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/batchain/batchain/work"
)

// Function is a program of kind Inline: it makes an output of an input. An error
// means that it failed, and would fail in other bees, too.
type Function func(ctx context.Context, input []byte) ([]byte, error)

// Inline runs Go functions of this process, by their names.
type Inline map[string]Function

// Names returns the names of the functions, for [Config].
func (f Inline) Names() []string { return slices.Sorted(maps.Keys(f)) }

// Run calls the function that program names.
func (f Inline) Run(ctx context.Context, program work.Program, input []byte, _ func(uint16)) (Outcome, error) {
	function := f[program.Name]
	if function == nil || program.Kind != work.Inline {
		return Outcome{}, fmt.Errorf("function %q is not here", program.Name)
	}
	output, err := function(ctx, input)
	if err != nil {
		return Outcome{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return Outcome{Output: output}, nil
}
