// Package feed keeps a project in step with a [Store]: a place outside the hive,
// such as a table or a folder, in which others put what is to be computed and
// look for what came of it. Package work/table and work/spool have the stores.
//
//	store        feed                       hive
//	Claim    →   units with their keys  →   Add          import
//	Put      ←   datachunks             ←   Datachunks   export
//	             then                   →   Acknowledge
//
// # Exactly once
//
// Hive, store and this process may be killed at any moment, each alone.
//
// Import: a store claims a unit durably, under a key that it never gives to
// another one, before the hive hears of it. After a start all that is claimed
// and not put is added again; the hive takes one unit of each key. So every unit
// is in the project once, though it may be added many times.
//
// Export: a store keeps its cursor, the number of the datachunk that comes
// next, and moves it in the same step that puts the datachunks; what is before
// the cursor is not put again. The hive's cursor follows, and is not
// believed: a store that was restored from a copy gets again what it has lost.
//
// A store whose cursor is beyond what the hive has made belongs to another hive:
// [Run] refuses it, since otherwise results would get lost.
//
// # Trouble
//
// When the store, or the disk of the hive, refuses for any reason, the step is tried
// again: after 0.5 s at first, after a minute at last, without end; the log
// tells, and tells when it is over. One step may take a minute. A unit that cannot be
// taken is the store's affair: it says so in its own place, and the others go on.
//
// # Limits
//
//	claimed and not put    Config.Ahead, 4096: more is not claimed, so that hives may share a store
//	units in one step      256
//	datachunks in one step 256, and about 4 MiB
//
// # What is not promised
//
// Datachunks are put in the order of the units, so one that takes long keeps back
// those after it, though the hive has them. What a hive has claimed that is gone
// for good stays claimed, until somebody sets it free.
package feed
