package scenario

import "github.com/batchain/batchain/demo/bench/figure"

// Values are the figures of one play, by the names of [Metrics].
type Values map[string]figure.Value
