// Package transfer moves whole files between their owner and many hosts, and
// keeps them alive there: put, get and remove, audit, repair and renew, what a
// host hands on when it leaves, and the choice of hosts. A folder is put as the
// one stream that package folder makes of it.
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
// each host confirms all that it keeps in one batch of RENEW. In the end lag is
// judged in the same way: where others can take the shards of a host that says
// nothing for 3 times the median, and 3 s at the least, it is passed over; one that
// was silent before has 0.7 s then, and 3 s where nobody can step in. What is not
// confirmed is sent to others, who confirm in turn, up to two times, or does not
// count. A host that wakes up later drops its drafts, or keeps for a lease what
// it confirmed unheard; nobody counts on that.
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
// # Remove
//
// A file is deleted at its hosts and those that announced it, and its keepers are
// told; then its manifest goes. Hosts that were not reached are remembered beside
// the journals, in FILE ID.unremoved, and told again by whoever calls
// [Engine.FinishRemoves], for 60 days: by then their leases have ended. At most 256
// hosts of 4096 files. One record as in a journal:
//
//	kind 1   1 version · 2 file id · 3 signed grant · 4 time (Unix s) · 5 list of {1 peer id · 2 addresses}
//
// # Get
//
// For each segment, two at a time, Data shards from the best hosts; each is
// checked against its id when it ends. A fetch that fails is replaced at once,
// one without progress gets company after 1.5 times the usual time. When the
// manifest's placements are not enough, the routing layer and LIST are asked.
//
// The file grows, in order, as NAME.batchain-part, which nobody else can read, and
// is renamed when it is whole; the next get of it goes on there. A folder's
// stream grows in the same way, is unpacked as NAME.batchain-new and renamed from
// that; the part goes last. One file or folder inside is had of the segments with
// the stream's index and those where its bytes lie; that does not resume.
//
// # Audit
//
//	LIST at every host → leaves drawn by lot → AUDIT → verdicts → health file
//
// Asked are the hosts of the manifest, those that announced the file and those of
// the health file. Each shows [AuditLeaves] leaves, drawn of all leaves of all
// shards that it lists. One wrong leaf, and nothing that it holds is believed; a
// shard that it admits to miss, and it shows a leaf of each of the others. A host
// that was found wrong is read whole the next time, as all are in a full audit.
// How well the file is kept is the margin: how many hosts its worst segment can
// lose.
//
// # Health file
//
// MANIFEST.health says what the last audit or repair found. It is one frame of
// package wire, at most 4 MiB, payload CRC-32C ‖ CBOR:
//
//	kind 1   1 version · 2 time (Unix s) · 3 segments · 4 hosts with good shards · 5 margin (−1: lost) · 6 full margin ·
//	         7 bytes at risk · 8 segments lost · 9 list of {1 host · 2 last answer (Unix s; 0: never) · 3 verdict · 4 shards · 5 wrong}
//	verdict  0 none · 1 ok · 2 wrong · 3 missing · 4 timeout · 5 unreachable · 6 refused
//
// One that is damaged, missing or of another version counts as none: what it
// said is found out again, but for when a host was last seen.
//
// # Repair
//
//	audit → plan → for each damaged segment, the worst first, two at a time:
//	  choose hosts → read Data shards → make the lost ones → compare ids → OFFER → manifest, health file
//
// A shard is lost when no host is believed to hold it: at once where a host sends
// wrong bytes or none, after 24 h where it does not answer. Segments wait until
// their margin is down to half, or are all mended by hand. Nothing is read while
// nobody would take a shard. Of the hosts that have none of the segment the one
// that draws the lowest lot takes it, by BLAKE3(locator ‖ segment ‖ index ‖ peer):
// several repairers choose alike, and the host takes the bytes once. Offers are
// no drafts; they are signed by the key of the repair manifest, so no key that
// reads is needed. There is no journal: what was brought before an interruption is
// found by asking.
//
// # Evacuate
//
// A host that leaves hands on its shards and notes, whose leases still run, under
// the offers that their owners signed: to hosts that did not announce the file,
// those first that got the fewest of the segment. The receipts go into the file
// "evacuation" in the folder of journals, in the journal's format, so that a
// second try does not begin anew; they count until their leases end. Nothing is
// deleted.
//
// # Memory
//
// Each put, get and repair works in two segment buffers outside the
// garbage-collected heap: a put in [DefaultBudget] at most, the others in what the
// manifest's scheme takes, of which a get touches little more than Data shards;
// leaving takes four shards. Nothing else grows with the file but a few words per
// segment and, where hosts are asked what they keep, 8 bytes for each shard.
package transfer
