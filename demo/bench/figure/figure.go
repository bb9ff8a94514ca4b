// Package figure has what the comparisons measure, and how a table shows it.
package figure

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Value is one figure. Never stands for what was waited for and did not come.
type Value float64

// Never is a time that did not end while it was waited for.
var Never = Value(math.Inf(1))

// MarshalJSON writes Never as "never".
func (v Value) MarshalJSON() ([]byte, error) {
	if v == Never {
		return json.Marshal("never")
	}
	return json.Marshal(float64(v))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(data []byte) error {
	if string(data) == `"never"` {
		*v = Never
		return nil
	}
	return json.Unmarshal(data, (*float64)(v))
}

// String writes three digits or so.
func (v Value) String() string {
	f := float64(v)
	switch {
	case v == Never:
		return "never"
	case f == 0 || f >= 99.5:
		return fmt.Sprintf("%.0f", f)
	case f >= 9.95:
		return fmt.Sprintf("%.1f", f)
	case f >= 0.0995:
		return fmt.Sprintf("%.2f", f)
	default:
		return fmt.Sprintf("%.2g", f)
	}
}

// Summary is the median of values, which it sorts, and the least and the most where
// they differ as written.
func Summary(values []Value) string {
	if len(values) == 0 {
		return "–"
	}
	slices.Sort(values)
	median, least, most := values[len(values)/2].String(), values[0].String(), values[len(values)-1].String()
	if least == most {
		return median
	}
	return fmt.Sprintf("%s [%s, %s]", median, least, most)
}
