// Package hive makes units of work, gives them to distinct bees, judges what
// comes back and keeps the datachunks for their consumers. Everything that it
// knows is in rows of a Badger database: kill it at any moment, and it goes on as
// if it had ended between two calls.
//
// # Rows
//
// PROJECT is a uint32, SEQ a uint64, both big endian; DIGEST, PROGRAM and BEE are bytes as
// they are. A value is one byte, the version of its row (1), then a CBOR item,
// with append-only integer keys where it is a map; readers ignore keys that they
// do not know. Their bytes are in testdata/rows.txt.
//
//	v                            format of the database: 1
//	s                            the key that makes tokens
//	P PROJECT                    terms, state, counts of units and attempts
//	u PROJECT 9−PRIORITY SEQ     a unit that has not ended
//	g PROJECT SEQ                its group, once a bee has it: state, attempts
//	r PROJECT SEQ DIGEST         an answer in a group that goes on
//	c PROJECT SEQ                a datachunk: what came of a unit
//	y PROJECT KEY                number of the unit with that key
//	k PROJECT CONSUMER           first datachunk that a consumer has not acknowledged
//	z PROJECT PLACE              a unit for spot checks: input, digest, who has seen it
//	e NUMBER                     an event: the outbox, the last 65,536
//	p PROGRAM BEE                reputation of a bee with a program
//	b BEE                        admission of a bee; Badger drops it when it is over
//
// The units that nobody has begun are the queue: rows u without a row g, in the
// order of their keys. When attempts were begun is in the rows g: [Open] reads those and
// makes a heap of when they end, so there is no second index that could disagree. Heartbeats renew leases in
// memory alone; after a restart all leases begin anew. A
// unit costs seven rows from its making to its end. Units that nobody has begun are
// not read before their turn: a million of them cost no memory and no start-up
// time.
//
// # One writer
//
// One goroutine, in [Hive.Run], has the state in memory: open groups and what
// they need. It carries out whatever calls have come while the transaction before
// was synced, at most 256 or about 1 MiB, in one transaction: units, groups, answers,
// datachunks, reputations and events of a change are in it together. A call
// returns when that is on the disk, and not before. When the database refuses a
// transaction, the state is read from the rows again and each call is tried alone. Below
// 96 MiB of free disk nothing is written, and changes are answered
// [github.com/batchain/batchain/wire.ErrFull].
//
// # Exactly once, at least once
//
// A unit ends in one transaction that writes its datachunk and removes its unit,
// group and answers: there is one datachunk of each unit, and results that come later
// are late. Consumers get datachunks in the order of the units and acknowledge
// them by number; after a restart they get again what they had not acknowledged,
// and nothing else. A [Source] is asked for unit n only while n−1 is on the disk
// and n is not; [Hive.Add] takes one unit of each key. So imports and exports can be
// made exactly once by who keeps the number with the data.
//
// # Tasks
//
// A task's token is one AES block that only the hive can read: project, unit,
// attempt and a mark of the bee. It tells the bee nothing, not even that the task
// is a spot check, and forged or foreign ones are known without a list.
//
// A bee that asks is given, in this order: spot checks by lot (Policy.Checks),
// units that wait for another bee, units that nobody has begun, the highest
// priority first and every sixteenth time the oldest, and copies of what takes three
// times as long as 95 of the last hundred did, when nothing else is left. Where
// reputations count, a bee that is not yet believed alone gets at most 2 units at a
// time of any other one, so that two cheats that meet are not believed by the
// batch; in a crowd it gets those only that chance invites it to, see package work. A spot check is
// given in place of another task, never besides; it has a lease and counts as one, and comes again to who
// resumes. What a bee gave back comes to it again no more for two minutes, while others are here.
// Projects share the bees by weight, counted in the time that their tasks take; what one does not
// use while it has nothing to do is not owed to it. A
// bee may have 16 tasks of a program at once at first, twice as many after each result that
// was believed, up to 1024; one less after an error, half after a lease that went by
// or a wrong result. It has at most half as many as there are for each
// bee that is here, or all that it runs at once and one more: so what is left at the end is
// spread, and goes out in ever smaller parts.
//
// # Limits
//
//	projects 4096; units of one begun and not ended 32,768: beyond that none is begun
//	input 256 KiB; output 1008 KiB; larger things are files of the mesh
//	tasks, results or heartbeats in a call 256; a call waits for work 30 s at most
//	spot-check units 64 of a project; consumers 64; reputations in memory 32,768
//	a validator or a Source's Next 30 s; who does not return then is left behind
//	96 MiB of the disk are left to others: below, nothing is written, and wire.ErrFull is answered
//
// # What is not promised
//
// Times are those of the wall clock: when it jumps ahead, leases end early, which
// costs executions and no result; when it jumps back, those that are under way begin
// anew, as if they had been given at that moment. A spot check that was out when the process
// ended is forgotten. Chunks stay until the database is removed.
package hive
