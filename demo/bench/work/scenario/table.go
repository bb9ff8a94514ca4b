package scenario

// Table is every scenario, in the order in which they are played.
var Table = []Scenario{
	{Name: "dispatch", Title: "Units that cost nothing", Play: dispatch},
}
