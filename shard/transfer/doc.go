// Package transfer moves whole files between their owner and many hosts: put,
// get, remove, and the choice of hosts.
//
// # Put
//
//	candidates → ASK → scheme → for each segment, two at a time:
//	  read → hash → (journal, fsync) → seal → encode → offer each shard to its
//	  host → receipts → journal … → RENEW → manifest
//
// A put is done when every shard has a receipt that verifies. A host that
// refuses, lies or stalls is given up and a spare takes its place; one that
// cannot be reached is tried again for 15 s unless a spare is ready. Lag is
// judged against the median of the same segment, and a laggard is replaced only
// when a spare is ready. When hosts run short, a segment with Data + ⌈⅔ Parity⌉
// receipts is good enough, and the result says so; with fewer the put ends with
// [*ShortError]. Shards are offered as drafts, which hosts drop after a day, so
// that a put which is given up leaves nothing behind: in the end, and every 12 h,
// each host confirms all that it keeps in one batch, and what is not confirmed is
// sent once more or does not count.
//
// # Journal
//
// Until a put is done its journal tells how each segment was sealed and who gave
// receipts. The seal is on disk before the first byte of the segment leaves, so
// that no nonce ever seals two plaintexts, whatever dies in between. The same
// put again reads the file again, compares each segment's hash, and sends only
// what has no receipt. Frames of package wire, payload CRC-32C ‖ CBOR:
//
//	kind 1 start     1 version · 2 source · 3 file id · 4 Data · 5 Parity · 6 segment length · 7 mesh
//	kind 2 segment   1 number · 2 sealed length · 3 last · 4 nonce · 5 plaintext hash
//	kind 3 receipt   as the host signed it, without the signature, which was verified
//	kind 4 done      1 number · 2 shard ids · 3 list of {1 index · 2 host}
//	kind 5 host      1 peer id · 2 addresses
//	kind 6 doubt     1 peer id: its receipts so far were not confirmed
//
// A second segment record for a number replaces the first and drops its
// receipts. The first record that is torn ends the journal.
//
// # Get
//
// For each segment, two at a time, Data shards from the best hosts; each is
// checked against its id when it ends. A fetch that fails is replaced at once,
// one without progress gets company after 1.5 times the usual time. When the
// manifest's placements are not enough, the routing layer and LIST are asked.
// The file grows as NAME.batchain-part, in order, and is renamed when it is whole.
//
// # Memory
//
// Each put and get works in two segment buffers outside the garbage-collected
// heap: a put in [DefaultBudget] at most, a get in what the manifest's scheme
// takes, of which it touches little more than Data shards. Nothing else grows
// with the file but a few words per segment and, where hosts are asked what they
// keep, 8 bytes for each shard.
package transfer
