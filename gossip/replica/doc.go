// Package replica keeps data equal on many machines, without anybody in charge: each
// writes to its own copy at any time, and copies that meet, directly or by way of
// others, become the same. It is Scuttlebutt reconciliation (van Renesse et al.,
// "Efficient Reconciliation and Flow Control for Anti-Entropy Protocols", 2008) with
// signed updates, over any duplex stream.
//
// [Map], [Set], [EventLog], [Value] and [Bucket] are the types there are; whoever
// needs another writes a [Model], for which [Value] is the example and package
// replicatest the judge. [Replica] does the rest.
//
// # Updates
//
// An update is one change by one [Source], with the next number of that source. The
// source signs with it what it vouches for from there on: a hash of its updates that
// still count. Those that do not any more it drops, and everybody forgets them. So
// for each source one number tells all: who is at number n of a source holds exactly
// what it vouched for in update n. Nothing else is ever compared, above all no times.
//
//	update  signed record, kind "replica/DOC", see package wire; its body:
//	        1 peer   2 epoch uint   3 seq uint   4 time uint: ms·2¹⁶ + counter
//	        5 root bytes(32)   [6 change bytes]   [7 drops [uint], ascending, ≤ 256]
//
//	root    BLAKE3(LtHash16 of the set of BLAKE3(body), over all updates of the source that are left
//	        after the drops, this one excepted); a lane is 2 bytes, little endian, of
//	        BLAKE3-derive-key("batchain 2026 replica set member", BLAKE3(body)), 2 KiB
//
// Times come from a hybrid logical clock, grow with every update of a source, and
// say which of two competing updates counts: the greater (time, source). One that is
// more than [MaxSkew] ahead waits at its sender.
//
// # Stream
//
// Frames of package wire. Both sides begin at once.
//
//	kind  1 HEADER  1 version (1)   2 doc text   3 mesh text   4 peer   5 direction   [6 tail bool]
//	                [7 clock [{1 peer, 2 epoch, 3 seq, [4 bytes(8): the first of BLAKE3(body) of that update]}]]   [8 meta bytes]
//	      2 UPDATE  1 body bytes   2 signature bytes
//	      3 COMMIT  [1 full [{1 peer, 2 epoch}]]
//	      4 WANT    1 [{1 peer, 2 epoch}]
//	      5 DONE    (no payload)
//	      0         an error of package wire
//
//	a                                b
//	HEADER            ←────→         HEADER
//	UPDATE … COMMIT   ─────→                    what b lacks by its clock, by time; the first COMMIT is the "SYNC"
//	                  ←─────         UPDATE … COMMIT
//	                  ←─────         WANT       only when the updates do not lead to a root
//	UPDATE … COMMIT{full} ─→                    all of those sources; if that does not either, a holds something back
//	DONE              ←────→         DONE       without a tail; else UPDATE … COMMIT as they come
//
// What comes between two COMMITs is taken in at once or, source by source, not at
// all. Since a sender sends everything it has, nobody ever holds an update without
// those that its author knew. There is no queue for a stream: what is to be sent
// follows from what the other side has.
//
// An update is looked at in this order: size, form, whether it is new, author, time,
// signature, form of the change; then it waits for the COMMIT, the root and the
// limits, and only then the clock moves. What is refused leaves no trace and may
// come again.
//
// # File
//
// Frames, too; the payload is a CRC-32C, big endian, of the kind and what follows it.
//
//	kind  6 START   1 version (1)   2 doc   3 mesh   4 peer   5 epoch: under which we write from here on
//	      2 UPDATE, 3 COMMIT as above
//
// Appended to with every batch, written anew (a new file, fsync, rename, fsync of the
// folder) when most of it is superseded. Own updates are synced before anybody gets
// them. At start all up to the last COMMIT counts. What a crash tore off after it is
// cut; damage that is followed by whole records is an error.
//
// # Limits
//
// See [Limits]. A record is a change and at most 4 KiB, a header 512 KiB, a list of
// sources 256 KiB, a clock 4096 sources, meta [MaxMeta]. A replica that all its
// sources fill holds [Limits].Bytes, and while streams bring more, twice that.
//
// # What is not promised
//
// Ids are free: without [Config].Authors anybody may fill a document up to its limits.
// Who may write may write anything, into the past as well, and may sign two updates
// with one number: everybody then ends with the one of the two that its later updates
// vouch for. A source that nobody answers for any more keeps its updates, and the
// tombstones over them stay. A peer that holds back everything of a source from us
// only delays it; one that holds back a part is found out, and the stream ends with
// [ErrOmission]. Nothing is secret from those one replicates with.
package replica
