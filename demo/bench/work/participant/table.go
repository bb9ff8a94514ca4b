package participant

import "github.com/batchain/batchain/work"

// Names that others speak of.
const (
	Ours     = "batchain"
	Parallel = "parallel"
)

// Table is every system, in the order of the tables. All bees here have one
// address, which a policy would otherwise hold against them.
var Table = []System{
	batchain(Ours, 1, work.Policy{Rule: work.Quorum, Quorum: 1}),
	batchain("batchain checked", 2, work.Policy{Networks: 64}, "dispatch", "efficiency", "cheats"),
	batchain("batchain majority", 10, work.Policy{Rule: work.Majority, Networks: 64}, "cheats"),
	asynqSystem("asynq", "always", "Redis syncs its log before it answers, once for all that has come"),
	asynqSystem("asynq everysec", "everysec", "Redis syncs its log once a second", "dispatch", "queue"),
	jetStream("JetStream", true, "every message is synced"),
	jetStream("JetStream lazy", false, "synced every two minutes, its default", "dispatch", "queue"),
	workQueue(),
	parallel(),
}
