// Package exchange is one shard and one peer: the protocol by which a host is
// asked to keep a shard, to give it back, to prove that it holds it, to hold it
// longer and to forget it, both ends of it; and, beside shards, small notes, and
// the charge to look after a file while its owner is away. Files, many hosts and
// retries belong to its users; disks belong to the [Store], charges to the
// [Keeper].
//
//	/batchain/MESH/shard/1.0.0
//
// # Stream
//
// One operation per stream. Whoever wants something opens it and writes one
// frame (see package wire): its kind is the operation, its payload one CBOR
// map. The host answers with frames whose kinds are their own; bytes of a shard
// go raw after the frame that announces them, never inside one.
//
//	kind  operation                answers
//	  1   ASK                      129 ROOM
//	  2   OFFER                    130 READY, then raw bytes from the asker, then 139 RECEIPT; or 138 DONE
//	  3   FETCH                    131 BYTES, then raw bytes
//	  4   LIST                     132 HELD
//	  5   AUDIT                    133 PROOF, then raw slices
//	  6   RENEW                    134 RENEWED
//	  7   DELETE                   135 DELETED
//	  8   NOTE_PUT                 130 READY, then the raw blob from the asker, then 136 KEPT
//	  9   NOTE_GET                 137 NOTES, then raw blobs
//	 10   KEEP                     130 READY, then the raw manifest from the asker, then 140 CHARGED
//	 11   TURN                     141 TURNED
//	any                              0 REJECT, a [wire.Error]: instead of an answer, after READY too
//	any                            192 to 255: hints
//
// # Messages
//
// Numbers are CBOR keys. "signed" is a [wire.Signed]; grant, offer, receipt,
// order, note, charge and turn are those of package shard. A field in brackets
// may be absent.
//
//	ASK      1 bytes uint   2 lease uint (s)
//	ROOM     1 takes bool   2 free uint (bytes)   [3 why: {1 code, 2 message}]
//	OFFER    1 grant signed   2 offer signed (repair key)   [3 draft bool: see Drafts]
//	READY    1 offset uint: the host has that many bytes and wants the others
//	DONE     1 receipt signed (host key)
//	RECEIPT  1 receipt signed (host key)
//	FETCH    1 shard bytes(32)   2 offset uint   [3 length uint; absent or 0: to the end]
//	BYTES    1 length uint: what follows, less than asked only at the end   2 total uint: of the shard
//	LIST     1 grant signed   2 order signed (repair key, kind "list")
//	HELD     1 rows: [{1 shard, 2 segment, 3 index, 4 length, 5 lease end}] ≤ 1024   [2 next bytes ≤ 128: cursor of the next order]
//	DELETE   1 grant signed   2 order signed (admin key, kind "delete")
//	DELETED  1 shards uint: 0 when there were none (any more)
//
//	AUDIT    1 grant signed   2 order signed (repair key, kind "audit"), with 5 picks: [[shard, leaf uint]], 1 to 64
//	PROOF    1 slices: [length uint, 0: not held] in the order of the picks; then the slices, one after the other
//	RENEW    1 grant signed   2 order signed (repair key, kind "renew"), with 6 lease uint (s), [7 spots: [[shard, segment, index]] ≤ 64]
//	RENEWED  1 receipts: [signed (host key)] ≤ 256   [2 next bytes ≤ 128: cursor of the next order]
//	NOTE_PUT 1 grant signed   2 note signed (admin key)
//	KEPT     1 note receipt signed (host key)
//	NOTE_GET 1 locator bytes(32)
//	NOTES    1 notes: [{1 grant signed, 2 note signed}] ≤ 16; then their blobs, one after the other, of the lengths that the notes say
//	KEEP     1 charge: [shard.Charge], which holds a secret key; its manifest comes after READY
//	CHARGED  (no fields)
//	TURN     1 grant signed   2 order signed (repair key, kind "turn"), [with 8 keeps bool: the asker is a keeper]
//	TURNED   1 turn: [shard.Turn]
//
// # Limits
//
// Every length is checked before anything of it is allocated or read.
//
//	request              4 KiB of payload; of an operation that the host does not know, not a byte is read
//	HELD, RENEWED, NOTES 128 KiB; other answers 4 KiB; REJECT 1 KiB; a hint 1 KiB, at most 64 before an answer
//	shard                1 byte to [shard.MaxShardLength]; lease 1 s to [shard.LeaseMax]
//	slice                at most [shard.MaxSlice]
//	note                 1 byte to [shard.MaxNote], at most [shard.MaxWriters] of a locator
//	manifest of a charge at most [shard.MaxRepairManifest]
//	at once, in a minute see [Limits]; beyond them BUSY
//	time                 see [Timeouts]
//
// # Course of OFFER
//
//	asker                              host
//	OFFER{grant, offer}     ─────→     both signatures, lengths, places, quota
//	                        ←─────     READY{offset} | DONE{receipt} | REJECT
//	body[offset:], raw      ─────→     temp file
//	                        ←─────     REJECT, at any byte; the asker stops
//	                                   hash, fsync, rename, index
//	                        ←─────     RECEIPT{receipt} | REJECT
//
// A receipt means that the shard is durable, and nothing else does: bytes sent
// are not bytes kept. The asker verifies it against the host's id and every
// term of its offer. A lot has a name, (grant, shard, segment, index) at a host,
// so offering it twice is harmless: while the first runs, the second gets
// IN_PROGRESS, later DONE. Two connections between the same peers, after both
// dialled at once, therefore carry the bytes once. DONE without bytes goes only
// to an owner (admin key) that has brought these bytes before; another one has
// to bring them, to prove that it has them.
//
// IN_PROGRESS and BUSY are worth another try at the same host shortly: see
// [Retryable]. A transfer that has been silent for [Timeouts].Answer gives way when its peer
// offers the lot once more: it is reset, that OFFER still gets IN_PROGRESS, and
// the next one READY, from where the first broke off.
//
// # Drafts
//
// A put may be broken off and never taken up again, and its shards would lie
// at the hosts for a whole lease. So it offers them as drafts: the receipt is
// as ever, but the host drops a draft a day after it was committed, without
// grace, unless a RENEW has confirmed it. A put that has every receipt renews
// at every host, and has succeeded only then.
//
// # Proofs
//
// A slice is bao's over groups of 16 KiB (2⁴ chunks): eight bytes of length, the
// parents on the way from the root to the leaf, the leaf. It proves the bytes
// of the leaf for a shard of this length, which the asker compares with the
// length that it knows: see [shard.VerifyLeaf]. A host that kept only the
// hashes cannot make one. One whose bytes went bad says 0, as one that has none.
//
// # Renewal
//
// A RENEW with spots is about these and no others. One without is about all
// that the host keeps of the file, in pages, and about its notes. A lease never
// gets shorter. What is not there has no receipt.
//
// # Notes
//
// A note is signed by the admin key and names no host, so whoever has it can
// carry it on; the host keeps the one with the highest number for each writer,
// and answers STALE to an older one. Its blob is sealed: whoever knows the
// locator may have it. Anyone can make a grant of any locator, so it is the
// admin key of the grant that says whose notes these are.
//
// # Keepers
//
// A charge gives the repair key away, to a peer that the owner chose; it
// travels only inside libp2p's encryption and is written to no log. With it
// come the repair manifest's bytes. TURN is how keepers of a file learn of each
// other, and who is at work: its order proves that the asker has the key, so one
// that says that he is a keeper is believed. DELETE reaches them as it reaches hosts: they drop
// the charge.
//
// # Refusals
//
// A REJECT ends the stream with Close, not Reset, since a reset overtakes what
// was written before it. Where no REJECT can stand, within raw bytes, the
// stream is reset.
//
// # Who pays
//
// A stream costs the host a goroutine and 4 KiB, for at most [Timeouts].Answer
// until its request is whole. ASK reads counters, and holds room for 60 s once
// for each peer. OFFER costs two signature checks; then a place, disk and quota
// of the peer at the other end, whoever signed, since keys are free. FETCH costs
// a place and a 256 KiB buffer; whoever knows a shard's hash may have its bytes,
// which are sealed. LIST and DELETE cost two signature checks and work for that
// one file; RENEW signs up to 256 receipts besides; AUDIT reads up to 64 leaves
// and holds them in memory (1.1 MB) until they are sent, in one of few places,
// and NOTE_GET takes such a place too. What a peer, and its network, may have
// proven and renewed in a minute is bounded. NOTE_PUT and KEEP cost a place as
// OFFER does; disk and quota are the Store's and the Keeper's. Places for
// transfers in and out are apart, counted for each peer and each network (IPv4
// /24, IPv6 /48, the relay's where there is one; loopback is no network), and
// given back 2·Idle + length/MinRate later at the latest. The asker pays the
// dial and names every length.
//
// # Changes
//
// Keys, kinds and codes are append-only. A reader ignores fields that it does
// not know and skips hints that it does not know; an operation that it does not
// know it answers with UNSUPPORTED, and so a newer peer finds out by asking.
// What an older host must not overlook is a new operation, never a new field;
// what it could only misread is a new first number in the protocol id, and a
// host then serves both. Signed bodies travel and are stored as they were
// signed, with the fields that their reader does not know. The bytes of every
// message are in testdata.
package exchange
