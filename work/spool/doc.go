// Package spool is the store of a project that is fed from, and written to, a
// folder: whoever can write a file can have units done, in any language. See package
// work/feed for what keeps it in step with a hive, and how nothing is lost or done twice.
//
// # Folder
//
//	in/NAME              a unit that somebody dropped: JSON, at most 256 KiB
//	busy/ID-NAME         claimed; ID is 16 hex digits, and ID-NAME the unit's key
//	done/NAME.result     what the program made of it …
//	done/NAME            … and, once that is whole, the unit itself
//	failed/NAME.reason   why nothing came of it, one line …
//	failed/NAME          … and, once that is whole, the unit itself
//	.state               JSON: {"version":1,"owner":S,"next":N}: to whom the folder belongs, and the datachunk that comes next
//	.lock                held by the process that uses the folder
//
// Nothing is ever removed: a unit moves from in to busy, and from busy to done or failed.
// Who fetches results takes NAME.result when NAME is there, and removes both. To
// have a failed unit done again, move it back into in, and remove the reason.
//
// # Dropping
//
// Write the file under a name that begins with "." or ends in ".tmp" or ".part", or in a
// folder beside in, and rename it into in once it is whole. A file that is written in place is
// taken when it has not changed for a while ([Config.Settle]), which is a guess.
//
// Not touched: folders, links and whatever else is no plain file; names that begin with
// "." or end in ".tmp", ".part", "~", ".result" or ".reason"; names that are longer
// than 100 bytes or no UTF-8. A name that is in busy, done or failed waits
// in in until it is free there, so no result takes the place of another. The log tells of
// what is not taken, once.
//
// # Crashes
//
// Every move is a rename in one file system. Before a claim is told to the hive, and before
// the state moves on, the folders are synced. A datachunk that comes a second time
// finds nothing in busy, or writes the same file again. ID is the time of the claim
// in nanoseconds, so that a key is never used twice though names are.
//
// # What is not promised
//
// An order of the units. Network file systems: they must rename atomically, lock,
// and sync folders.
package spool
