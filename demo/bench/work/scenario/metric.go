package scenario

// Metric is one row of a table.
type Metric struct {
	Name     string // in JSON
	Scenario string
	Title    string // in the table, with its unit
	Ratio    bool   // a row says how many times as much batchain has
}

// Metrics are all figures, in the order of the tables.
var Metrics = []Metric{
	{Name: "rate_1", Scenario: "dispatch", Title: "1 worker: units/s", Ratio: true},
	{Name: "rate_2", Scenario: "dispatch", Title: "2 workers: units/s", Ratio: true},
	{Name: "rate_4", Scenario: "dispatch", Title: "4 workers: units/s", Ratio: true},
	{Name: "rate_8", Scenario: "dispatch", Title: "8 workers: units/s", Ratio: true},
	{Name: "alone_p50", Scenario: "dispatch", Title: "one unit alone, there and back: median, ms"},
	{Name: "alone_p99", Scenario: "dispatch", Title: "… 99th percentile"},

	{Name: "efficiency_1", Scenario: "efficiency", Title: "units of 1 ms: %"},
	{Name: "efficiency_10", Scenario: "efficiency", Title: "10 ms"},
	{Name: "efficiency_100", Scenario: "efficiency", Title: "100 ms"},

	{Name: "wrong_10", Scenario: "cheats", Title: "one worker in ten cheats: wrong outputs, %"},
	{Name: "executions_10", Scenario: "cheats", Title: "… executions a unit"},
	{Name: "wrong_30", Scenario: "cheats", Title: "three in ten cheat: wrong outputs, %"},
	{Name: "executions_30", Scenario: "cheats", Title: "… executions a unit"},

	{Name: "crash_lost", Scenario: "crash", Title: "units whose output never came"},
	{Name: "crash_again", Scenario: "crash", Title: "units whose output came twice"},
	{Name: "crash_first", Scenario: "crash", Title: "first output after, s"},
	{Name: "crash_all", Scenario: "crash", Title: "all outputs, s"},

	{Name: "queue_units", Scenario: "queue", Title: "units that wait"},
	{Name: "queue_added", Scenario: "queue", Title: "added/s"},
	{Name: "queue_start", Scenario: "queue", Title: "killed, and started again: ready after, s"},
	{Name: "queue_first", Scenario: "queue", Title: "2 workers then: units/s in the first second or two"},
	{Name: "queue_later", Scenario: "queue", Title: "… in the third span of the same length"},
	{Name: "queue_memory", Scenario: "queue", Title: "memory of the queue's process then, MiB"},

	{Name: "sandbox_pi", Scenario: "sandbox", Title: "20 million terms of a series, in whole numbers: ms"},
	{Name: "sandbox_sha256", Scenario: "sandbox", Title: "SHA-256 of 20 MB: ms"},
	{Name: "sandbox_json", Scenario: "sandbox", Title: "a JSON document, 5,000 times: ms"},
	{Name: "sandbox_speed_pi", Scenario: "sandbox", Title: "wazero's time by this, in the same try: series"},
	{Name: "sandbox_speed_sha256", Scenario: "sandbox", Title: "… SHA-256"},
	{Name: "sandbox_speed_json", Scenario: "sandbox", Title: "… JSON"},
}
