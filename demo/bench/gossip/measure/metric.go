package measure

import (
	"math"
	"slices"

	"github.com/batchain/batchain/demo/bench/figure"
)

// Values are the figures of one run, by the names of [Metrics].
type Values map[string]figure.Value

// Metric is one row of the comparison.
type Metric struct {
	Name  string // in JSON
	Title string // in the table, with its unit
	Group string
}

// The groups of metrics, in the order of the table.
const (
	joining  = "Joining"
	updates  = "Updates"
	deaths   = "Deaths and returns"
	mistakes = "Mistakes"
	cost     = "Cost"
	live     = "Real time, a process a node"
)

// Metrics are all figures, in the order of the table. A lower one is better.
var Metrics = []Metric{
	{"join", "N join at once: all know all, s", joining},
	{"join_false", "false deaths while joining and in the minute after, per pair", joining},
	{"lossy_join", "the same with 10 % loss: all know all, s", joining},

	{"update_p50", "update seen, median pair, s", updates},
	{"update_p99", "… 99th percentile", updates},
	{"update_all", "update seen by all, median, s", updates},
	{"update_all_max", "… the slowest", updates},
	{"update_missing", "updates never seen, % of pairs", updates},
	{"cold_all", "one update beside a writer of 80/s: seen by all, median, s", updates},
	{"cold_all_max", "… the slowest", updates},
	{"hot_lag_p50", "values behind that writer, median", updates},
	{"hot_lag_p99", "… 99th percentile", updates},

	{"detect_first", "crash: the first knows, s", deaths},
	{"detect_median", "… half know", deaths},
	{"detect_last", "… all know", deaths},
	{"return", "back after ten minutes more, with its disk: all know, s", deaths},
	{"again_median", "second crash: half know, s", deaths},
	{"again_last", "… all know", deaths},
	{"leave_last", "a goodbye: all know, s", deaths},
	{"restart", "back with an empty disk: its first new value seen by all, s", deaths},
	{"heal_all", "halves cut off for a minute: all know all again, s after", deaths},
	{"heal_values", "… and have what the other half changed", deaths},

	{"pauses_false", "4 s pauses once a minute: false deaths per pair and hour", mistakes},
	{"pauses_others", "… without those told by a node that paused itself less than 12 s before", mistakes},
	{"pauses_length", "… how long one lasts, median, s", mistakes},
	{"lossy_false", "10 % loss: false deaths per pair and hour", mistakes},
	{"lossy_length", "… how long one lasts, median, s", mistakes},
	{"idle_false", "nothing wrong: false deaths per pair and hour", mistakes},
	{"idle_length", "… how long one lasts, median, s", mistakes},

	{"idle_bytes", "idle, kB/s a node", cost},
	{"idle_messages", "… messages/s a node", cost},
	{"idle_dials", "… connections or streams opened/s a node", cost},
	{"busy_bytes", "with that writer, kB/s a node", cost},
	{"busy_messages", "… messages/s a node", cost},
	{"idle_cpu", "idle: CPU ms a node and minute, simulation included", cost},
	{"busy_cpu", "… with that writer", cost},
	{"rss", "peak memory of the whole world / N, MiB a node", cost},

	{"live_join", "N join at once: all know all, s", live},
	{"live_update_all", "update seen by all, median, s", live},
	{"live_update_all_max", "… the slowest", live},
	{"live_detect_median", "SIGKILL: half know, s", live},
	{"live_detect_last", "… all know", live},
	{"live_return", "back, with nothing: all know, s", live},
	{"live_cpu", "idle: CPU ms a node and minute", live},
	{"live_rss", "peak memory of a node, MiB", live},
}

// quantile returns the value below which the part q of sorted figures lies.
func quantile(figures []figure.Value, q float64) figure.Value {
	if len(figures) == 0 {
		return figure.Value(math.NaN())
	}
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// put adds a figure; one that cannot be told is left out.
func (v Values) put(name string, value figure.Value) {
	if !math.IsNaN(float64(value)) {
		v[name] = value
	}
}
