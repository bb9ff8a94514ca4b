// Package bee does the work of a hive: it asks for tasks, executes them with a
// [Runner], keeps their leases and hands in what they made. Where the hive is, in
// this process or far away, and what executes programs, are not its business: both
// are interfaces.
//
// # Supply
//
// A bee holds twice as many tasks as it has slots, or as many as it does in half
// a second when they are quick, at most 512, and asks for more when half of them
// are done. So it computes while it asks, and quick tasks travel in large batches.
//
// A result is handed in at once when the bee has nothing else to do. Otherwise it
// waits a tenth of a second for others, and all that have come while others were on
// their way go together, too: what is one message is one transaction at the hive.
//
// # Leases
//
// Heartbeats for all tasks go out three times in the shortest lease. A task that
// the hive does not need is stopped. A bee that starts asks first for what it
// had before.
//
// # When things go wrong
//
// A hive that does not answer is asked again after 1 s, then ever more slowly, up
// to 1 min, by chance half as long or half as long again. Results are kept until the
// hive has answered: handing in twice is harmless. A panic of the runner, and an
// error that wraps [ErrBroken], is the program's failure; any other error gives the
// task back. When the bee ends it gives back what it has not finished, for at most
// 5 s.
package bee
