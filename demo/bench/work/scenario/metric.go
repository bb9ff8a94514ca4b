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
}
