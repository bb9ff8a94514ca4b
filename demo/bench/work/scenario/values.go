package scenario

import (
	"encoding/json"
	"math"
)

// Values are the figures of one play, by the names of [Metrics].
type Values map[string]Value

// Value is one figure. Never stands for what was waited for and did not come.
type Value float64

// Never is a time that did not end.
var Never = Value(math.Inf(1))

// MarshalJSON writes Never as "never".
func (v Value) MarshalJSON() ([]byte, error) {
	if v == Never {
		return json.Marshal("never")
	}
	return json.Marshal(float64(v))
}
