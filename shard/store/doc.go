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
//	quarantine/<hex> the file of a damaged shard, for a week
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
// Every key begins with 's' and a letter. ADMIN, LOCATOR and SHARD are 32 bytes,
// SEGMENT and WRITER are a uint32 and INDEX a byte, all big endian, so that rows
// of one file come in the order of their segments.
//
//	sv                              format of this index: 2
//	sn                              counters: used bytes, shards, places, bytes of notes
//	sf SHARD                        a stored shard: length, leases on it, since when, when
//	                                its file was written
//	sl SHARD ADMIN                  a lease: its end, who is charged, its places, a draft's
//	                                or the trash's end
//	se TIME KEY                     when the lease, note or tombstone with this KEY is due
//	sp ADMIN SEGMENT INDEX SHARD    a place: length, the signed offer
//	sa ADMIN                        a file: locator, the signed grant, shards leased, notes
//	so LOCATOR ADMIN                a locator to announce
//	sq PEER                         what counts against the quota of one peer
//	sw NETWORK                      what counts against the quota of one network
//	st ADMIN                        tombstone: refuses offers until its time
//	sd ADMIN                        a delete that has not finished
//	sx SHARD                        a shard whose file is to be removed: length
//	si TRANSFER                     a transfer under way: shard, admin, peer, length
//	sm LOCATOR ADMIN WRITER         a note: its number, hash, lease's end, who is charged,
//	                                the signed note, the trash's end
//	sb LOCATOR ADMIN WRITER         the bytes of a note
//	sz SHARD                        a shard in quarantine: length, since when
//	sc                              scrubbing: when the round begins, the last shard read
//
// TRANSFER is BLAKE3(grant digest ‖ SHARD ‖ SEGMENT ‖ INDEX). TIME is Unix
// seconds, 64 bits, big endian. NETWORK is a masked prefix: 4 or 16 bytes of
// address, then a byte with the number of bits. A value is one
// byte, the version of its row (1), then a canonical CBOR map with integer
// keys; a reader ignores keys that it does not know. Keys are append-only. [Open]
// brings an index of format 1 to format 2: it had no rows se, and counted and
// charged no places.
//
// # Leases
//
// A lease belongs to a file (ADMIN) and a shard. It ends, and then:
//
//	offer, draft ──────── 24 h ──────────────────────────────► gone
//	    │ RENEW, or a finished offer
//	    ▼
//	lease ── its end ──► grace, 72 h ──► trash, 7 days ──► gone
//	  ▲                        │                │
//	  └────────── RENEW or OFFER ───────────────┘
//
// Until it is gone a shard is served and listed as ever, with the lease end that
// has passed. Bytes go with the last lease on them; who reads them at that
// moment reads on to their end. The trash's week begins when this host notices,
// so that owners have it whole, too, when a host was away for months or had a
// wrong clock.
//
// A pass every minute does what is due, some 300 leases a second. It finds it by
// the rows se: a walk over all leases would read the whole index again and
// again to find, nearly always, nothing. The rows cost 76 bytes a lease, and one
// more when it is renewed. A pass keeps nothing but the rows, so the next one,
// of another process too, goes on where it ended. It does nothing unless the
// wall clock has agreed for an hour with the monotonic one, which no
// administrator, time server or waking laptop sets.
//
// A note has a lease of its own, and grace and trash as a shard has. RENEW of all
// that a file has here prolongs its notes as well, and so does a NOTE_PUT.
//
// # What is counted
//
// Used bytes are those of the files, trees included, to the byte. Each place of
// a shard in a file takes 4 KiB of the capacity and of the quotas besides: what
// its rows take of the index (0.5 to 1.2 KiB), and what its file leaves empty of
// its last block. So who stores a million shards of one byte needs room for
// 4 GiB, which is about what that takes. Transfers under way count with all that
// they may write, kept bytes of broken ones and holds as well. A lease counts
// against the peer that brought it, and against its network if it has one. A
// note, which lies in the index alone, counts as its bytes and 4 KiB, against
// the peer that brought it last. A file in quarantine is used space, and nobody's.
//
// # What survives a crash
//
// A shard comes in by these steps, and each is on the disk before the next:
// intent row (si); bytes, tree and fsync of the temporary file; rename; fsync
// of the folder; one transaction that adds sf, sl, se, sp, sa, so, raises the
// counters and removes si. Only then is it acknowledged. A note comes in by the
// one transaction that writes its rows. A shard leaves the other
// way round: one transaction turns its rows into sx, the file is removed, and
// a second transaction removes sx and lowers the counters. So at every moment
// each file is named by a row, and [Open] has to look only at the few rows si,
// sx, sd and sz, into tmp/ and into quarantine/, however many shards there are:
//
//	si, a file in tmp/          kept for the next try, for 24 h
//	si, a file in its place     without sf it goes back to tmp/
//	tmp/ without si             removed
//	sx                          the file is removed, then the row
//	sd                          the delete goes on
//	quarantine/ without sz      back to its place, to be found again; without sf, or
//	                            when a file is there, removed
//	sz without a file, or sf    the quarantine ends
//
// A file that somebody else removed or cut short is found when it is read,
// listed or leased again; its rows go then, and the counters with them.
//
// # Damage
//
// Nothing but reading finds out that a disk forgets. In [Store.Run] a round every
// 30 days, less up to 3 of jitter, reads each shard and compares it with its
// hash and its tree, one at a time and no faster than Config.ScrubRate; after a
// restart it goes on where its cursor says. [Store.Prove] checks what it proves.
//
// Somebody who writes to a file by hand is found sooner: its time of modification
// is not the one in sf any more. LIST, AUDIT, RENEW and OFFER ask the file system
// for it, and read a file whole whose time is another one. When
// the bytes are what they were, the new time is noted: a store that comes back
// from a backup is read once. One LIST or RENEW reads at most 256 MiB, or for 5 s;
// the next one goes on. A row without a time, of an earlier program, gets it
// when its file is read. That is no defence against somebody who sets the time
// back, or writes within the same tick of the file system's clock as this
// program did; the round finds those.
//
// A shard that is damaged goes into quarantine: it is read again, whole; its
// file is renamed into quarantine/; its leases end, the last one in the
// transaction that writes sz. From then on the answer is "damaged", LIST leaves
// it out, and any of its owners can bring it again. That ends the quarantine, or
// a week does.
//
// One goroutine, in [Store.Run], writes the index. It carries out whatever
// waits in one transaction, so that many shards share one sync.
package store
