// Package gossip tells every member of a mesh who lives, and what each says of
// itself. There is no server: members exchange what they have heard, and believe
// of each other only what its owner signed.
//
// # State
//
// A member says values under keys. Every change gets the next version of its
// state; a key has only its latest value. Version counts within an incarnation,
// the number of the member's life: the time of its start, or one more than the
// last, made durable before anything is sent.
//
// Who holds a member's state at version max holds a prefix of its history: for
// every key the latest entry up to max, or nothing if that is a deletion up to gc,
// which is forgotten. So one number says what is lacking. An entry never goes out
// while an older one that still counts is left out (Scuttlebutt, van Renesse,
// Dumitriu, Gough and Thomas 2008); a message that is full ends early.
//
// A delta from version `from` is applied to a state at (gc, max) if it leaves no
// gap (from ≤ max) and nobody deleted meanwhile what is held (its gc ≤ max, or as
// before); one from 0 replaces the state. (incarnation, gc, max) never goes back.
//
// # Records
//
// Both are signed with the member's Ed25519 key, which its peer id is; the bytes
// are relayed as they were signed. Kinds of [wire.Domain] in brackets.
//
//	entry [gossip-entry]  1 incarnation  2 version  3 key  [4 value]  [5 deleted]  [6 milliseconds to live]
//	head  [gossip-head]   1 incarnation  2 seq  3 max  4 gc  5 root bytes(16)  6 anchor bytes(16)  7 base  [8 left]
//
// The head is replaced with every change. Its root is the SHA-256, cut to 16
// bytes, of every entry in the order of keys: version, length and deleted flag,
// key, SHA-256 of the value. A state that a peer left something out of does not
// have it: a whole one is refused and held against the peer; where it came in
// parts it is fetched anew. Two records signed as one mark their owner
// ([Member.Equivocates]); the first stays.
//
// # Heartbeats
//
// They are relayed, so that the time to notice a death does not grow with the
// mesh, and must come from their owner alone, or a peer could keep the dead alive.
// Heartbeat n is a link of a hash chain (Lamport 1981; PayWord, Rivest and Shamir
// 1996): link(n-1) = SHA-256(salt ‖ n ‖ link(n)), cut to 16 bytes, where salt is
// that of owner and incarnation. The head holds link(base), the owner reveals one
// more in every interval, for at most 2048 under one head. To make the next one is
// to invert SHA-256; to check one costs a hash where a signature would cost 54 µs.
//
// # Messages
//
// Members send each other messages of canonical CBOR over a [Transport] that says
// who the sender is. Keys and kinds are append-only, unknown keys are ignored.
//
//	1 kind   2 hash bytes(16)   3 heard   4 want   5 digest   6 partial   7 [delta]   8 beats   9 target   10 nonce
//	delta    1 owner key bytes(32)   [2 from]   [3 head]   [4 [entry]]
//	digest   of each member: first 8 bytes of its key, then incarnation, gc, max, seq, heartbeat as uvarints
//	beats    of each: first 8 bytes of the key, uvarint of the number, 16 bytes of link
//
//	kind        carries                                        is answered by
//	1 syn       hash of the roster, 16 bits of each heartbeat  synack: later heartbeats; want: a bitmap of those lacking
//	            … or, every tenth time, the digest             synack: deltas, heartbeats, digest of what is lacking
//	2 synack    (when the hashes differ: the digest)           ack: what the other lacks, digest of what is lacking
//	3 ack                                                      push: what was lacking
//	4 push      news of the last 20 ms, to 4 members           passed on once by whom they are news to
//	5 probe     nonce                                          probed: nonce, own heartbeat
//	7 ask       whom to probe                                  probed: the heartbeat that came
//
// The roster is the living members in the order of their keys, with incarnation,
// gc, max and seq. When nothing changes its hashes agree, and an exchange costs 2
// bytes a member and 27 a new heartbeat. A message has room for 64 KiB of
// records: half goes round all owners, own state and unknown members first, half
// to those with most to tell, so that one who talks much holds up nobody.
//
// On libp2p a message is a frame of kind 1 on a stream of
// /batchain/MESH/gossip/1.0.0. Each side keeps one stream open to whom it writes.
//
// # Life and death
//
//	unknown ──heartbeats──▶ live ──phi > 5──▶ suspect ──phi > 8, no answer for 2 s──▶ dead ──24 h──▶ forgotten
//	                         ▲────────────────────┴────── heartbeats, contact ────────┘
//
// Phi is -log10 of the chance that a live member is silent for so long (Hayashibara
// et al. 2004), by the normal distribution of its last 200 intervals, 1 s granted,
// its deviation taken as at least a quarter of the mean; or gossipmonger's
// exponential. Outages are no samples, three must be there, and death clears them.
// A suspect is probed, after a second by two others too; what they bring back is a
// heartbeat, not their word. Nobody takes another's word for a death. A single
// relayed heartbeat raises nobody from the dead: three in a row do, or contact.
//
// A member that did not run for 2 intervals, or while at least two others live
// heard nothing from anybody for 2 intervals, takes that for a pause of its own:
// meanwhile it judges nobody, and afterwards the time does not count against
// them. A pause of the network is forgiven for 6 intervals, and to each member for
// no more than that without a sign of life of it. Who has heard nobody for 6
// intervals says so ([KindAlone]), and judges by the silence as it is: all are
// suspects then, and dead 2 s later. So a member that is cut off from everybody
// holds them for dead as they do it, and has said before that it may be the one.
// Where only one other lives, its silence is as likely its own: it is judged at once.
//
// Measured in virtual time, 2 ms and no loss: see the tests and benchmarks of the
// package. A crash is known to all of 5, 20 and 80 in 5, 7 and 8 s; an update in
// 30, 90 and 280 ms at the median; an idle member of 20 sends 1.1 kB/s, of 80 4.
// On libp2p a member of 20 costs 1.4 ms of CPU in a second and 0.7 MiB.
//
// A member that meets records of its own that it has not made, as after the loss
// of its disk, outdoes them by a later incarnation. So a restarted one is heard at
// once, whatever its clock says.
//
// # Large meshes
//
// Up to [Options.Neighbourhood] members all watch all. Beyond, each watches the
// important ones ([Config.Important]), its nearest by XOR of the keys, and an
// eighth by a lot of its own, which nobody can win by choosing a key. So its cost is
// that of whom it watches, and does not grow with the mesh: idle, 12.7 kB/s in a mesh
// of 250 and 13.3 in one of 1,000; all of about 110 who watch one know of its crash
// after 11 and 16 s. It is more than just below that size (4.8 kB/s in a mesh of 100),
// as members who do not watch the same cannot compare them by one hash, and send
// digests. Strangers are called in turn, so their deaths are
// noticed later; of other members nothing is known.
//
// # Bounds
//
// Message 256 KiB, key 128 B, value 4 KiB, 256 keys and 64 KiB of a member,
// deletions among them; 512 members in a digest; a message introduces at most 64
// members, a peer 256 in an hour; of a peer 20 messages in an interval and 500 checks a second,
// with bursts of 60 and 2000. In an interval a peer is answered with 128 KiB of
// records, with a burst of 512, and of one owner 64 KiB are taken, with a burst of
// 256, by whomever they come, and one later life. A helper calls a member once in an interval for all
// who ask. Who has shown no life takes no place of one who has.
//
// Whoever sends what no honest member does is not heard for 10 min after the third
// time. What an honest one may believe is held against nobody: an owner can show
// one half of a mesh another chain or history than the other, and the halves would
// take each other for liars. It is marked where both come together.
//
// # Not promised
//
// That a mesh agrees on who lives: each member judges for itself, and while the
// network is broken both sides may be right. Order between different owners'
// values. Secrecy: whatever is said, all members read. That a key is one machine
// or person: keys are free, the bounds limit what they can do. That a member says
// the truth of itself.
package gossip
