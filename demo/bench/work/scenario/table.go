package scenario

import "github.com/batchain/batchain/demo/bench/work/participant"

// Table is every scenario, in the order in which they are played.
var Table = []Scenario{
	{Name: "dispatch", Title: "Units that cost nothing", Play: dispatch},
	{Name: "efficiency", Title: "Units that cost something: ideal time by real time, a worker a processor", Play: efficiency, Tries: 2},
	{Name: "cheats", Title: "Workers that cheat", Play: cheats, Tries: 1, Not: []string{participant.Parallel}},
	{Name: "crash", Title: "The queue's process and 3 of 10 workers are killed", Play: crash, Tries: 1},
	{Name: "queue", Title: "A long queue", Play: queue, Tries: 1, Not: []string{"asynq", "JetStream", "Work Queue", participant.Parallel}},
	{Name: "sandbox", Title: "One program, run in different ways", Play: sandbox, Systems: sandboxSystems},
}
