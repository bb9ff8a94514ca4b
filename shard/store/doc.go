// Package store keeps shards on this machine's disk: plain files for the
// bytes, rows in a Badger index for everything small. It promises nothing it
// has not synced, and counts what it uses instead of looking.
//
// # Files
//
// Everything lies under Config.Dir:
//
//	ab/cd/<hex>      a shard; abcd… is the BLAKE3-256 of its bytes, in hex
//	tmp/<hex>        a shard on its way; named by its transfer
//
// A path is always made from a hash that this package computed or found in its
// own index, never from what a peer wrote. A shard file is
//
//	+---------------------+----------------------------------------+
//	| the shard's bytes   | its BLAKE3 tree                        |
//	+---------------------+----------------------------------------+
//	   length bytes          8 + 64 × (groups − 1) bytes
//
// where the tree is a Bao outboard encoding over groups of 16 KiB: the length
// as uint64, little endian, then the parent nodes in pre-order, left and right
// chaining value of 32 bytes each. A shard of at most one group has no parents.
// The bytes are hashed once; the root of the tree is the shard's id.
//
// # Index
//
// Every key begins with 's' and a letter. ADMIN and SHARD are 32 bytes,
// SEGMENT is a uint32 and INDEX a byte, all big endian, so that rows of one
// file come in the order of their segments.
//
//	sv                              format of this index: 1
//	sn                              counters: used bytes, shards
//	sf SHARD                        a stored shard: length, leases on it, since when
//	sl SHARD ADMIN                  a lease: its end, the peer charged, its places
//	sp ADMIN SEGMENT INDEX SHARD    a place: length, the signed offer
//	sa ADMIN                        a file: locator, the signed grant, shards leased
//	so LOCATOR ADMIN                a locator to announce
//	sq PEER                         bytes leased by one peer
//	st ADMIN                        tombstone: refuses offers until its time
//	sd ADMIN                        a delete that has not finished
//	sx SHARD                        a shard whose file is to be removed: length
//	si TRANSFER                     a transfer under way: shard, admin, peer, length
//
// TRANSFER is BLAKE3(grant digest ‖ SHARD ‖ SEGMENT ‖ INDEX). A value is one
// byte, the version of its row (1), then a canonical CBOR map with integer
// keys; a reader ignores keys that it does not know. Keys are append-only.
//
// # What survives a crash
//
// A shard comes in by these steps, and each is on the disk before the next:
// intent row (si); bytes, tree and fsync of the temporary file; rename; fsync
// of the folder; one transaction that adds sf, sl, sp, sa, so, raises the
// counters and removes si. Only then is it acknowledged. It leaves the other
// way round: one transaction turns its rows into sx, the file is removed, and
// a second transaction removes sx and lowers the counters. So at every moment
// each file is named by a row, and [Open] has to look only at the few rows si,
// sx and sd and into tmp/, however many shards there are:
//
//	si, a file in tmp/          kept for the next try, for 24 h
//	si, a file in its place     without sf it goes back to tmp/
//	tmp/ without si             removed
//	sx                          the file is removed, then the row
//	sd                          the delete goes on
//
// A file that somebody else removed or cut short is found when it is read or
// leased again; its rows go then, and the counters with them.
//
// One goroutine, in [Store.Run], writes the index. It carries out whatever
// waits in one transaction, so that many shards share one sync.
package store
