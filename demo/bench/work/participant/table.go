package participant

import "github.com/batchain/batchain/work"

// The names of those that figures are compared with.
const (
	Ours  = "batchain"
	Asynq = "asynq"
)

// Table is every system, in the order of the tables.
var Table = []System{
	batchain(Ours, work.Policy{Rule: work.Quorum, Quorum: 1}),
	asynqSystem(Asynq, "always", "every command is synced before it is answered, all that have come in one go"),
}
