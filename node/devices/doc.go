// Package devices keeps one live list of files between the machines of an owner:
// nodes whose homes have one owner's key. What is put on one is listed on the
// others within seconds, and what is removed on one goes on the others, whether
// they were there at that moment or come back later.
//
//	this device                                    another
//	catalogue, manifests ──compare── replica ═════ replica ──compare── catalogue, manifests
//	        ▲                                                               │
//	        └───────────────────── ask: state, manifest ────────────────────┘
//
// The list that devices share is a replica of a set of file ids (see package
// replica: an observed-remove set). It says what has changed. What is true is in
// each device's catalogue, the durable list: a file id is never used again and a
// deletion is for good there, so a file that vanished from the shared list goes
// here only when a device says that it knows the deletion. A shared list that was
// lost, reset or put back from a copy can thus delete nothing, and is whole again
// once two devices have met.
//
// # Comparing
//
// Whenever either list changes, and when a session has become equal:
//
//	listed, deleted at home               it is taken off the shared list
//	listed, not at home                   the others are asked for its manifest, which the catalogue checks
//	at home, not listed                   the others are asked: deleted there, it goes; else it is listed
//	deleted, its old manifest at home     the manifest goes
//
// Nothing is listed before another device is there. Two puts have two ids, so both
// are kept; a removal names the file that it saw, and no other of that name.
//
// # Mark
//
// By gossip each node says, under [MarkKey], 32 bytes: a nonce of 16 and
// MAC("mark", {1 peer, 2 nonce}), cut to 16. It is made anew in every run.
//
//	MAC(purpose, v) = HMAC-SHA256(key, "batchain/devices/PURPOSE/1" ‖ 0 ‖ canonical CBOR of v)
//
// The key is [shard.Seed.DevicesKey], another for every mesh. A mark only says
// whom to call. Another peer's cannot be said as one's own, since it names its
// peer; who says an old one of its own comes as far as the proof.
//
// # Stream
//
// /batchain/MESH/devices/1.0.0, frames of package wire. The device of the lower
// peer id opens the one for the list, the other one when nothing came for 3 s.
//
//	opener                      answerer
//	1 HELLO  1 nonce   ───▶
//	                   ◀───     2 ANSWER 1 nonce   2 proof
//	3 PROOF  1 purpose 2 proof ─▶
//
//	proof    MAC("proof", {1 side (1 opener, 2 answerer), 2 mesh, 3 opener, 4 answerer, 5 6 their nonces, [7 purpose]})
//
// The peers are those of the connection. So a proof is good for one stream, one
// direction, one pair: played again, sent back, or passed on by somebody between
// two devices, who is another peer to each of them, it proves nothing.
//
//	purpose 1   the list: from here on package replica, with a tail
//	        2   questions:   4 ASK   1 [file id], at most 256   [2 manifests bool]
//	                     ◀── 5 FILE  1 state (1 here, 2 deleted, 3 over, 4 unknown)  [2 added]  [3 of]  [4 length]
//	                                 for each of them; length bytes of its manifest follow
//
// Updates of the list are signed with MAC("update", …) in the place of a
// signature: devices share all keys anyway, and nobody else can make one, whoever
// passes it on. Their source is the device's peer id. A node knows those it has met
// by them, and gossip watches them in a mesh of any size.
//
// # At home
//
// devices.replica, see package replica. One that is damaged, of another owner, or
// written by a clock that was minutes ahead is renamed to devices.replica.aside and
// made again; where that cannot be done
// the list is in memory only. Neither keeps a node from starting.
//
// # Who learns what
//
// A stranger who reads all gossip sees a mark of every node, of those with a
// single device too, that looks random and is another after every start. Nothing in
// it links two nodes. Who opens a stream gets an answer of the same form from every
// node, learns nothing by it, and is cut off. Who watches the wires sees that two
// nodes hold a connection and send each other something after a change; they cannot read
// it, and all nodes talk to each other, but time and size may give the two away.
// Who asks the hosts of a file for it is seen by them, as ever. A device gets
// everything: whoever has the key has the files.
//
// # Cost and limits
//
// Two devices that meet exchange their clocks, some 60 bytes for each device and
// each time its replica was lost, and then only what is new: about 150 bytes a
// file, on the wire, on disk and twice in memory, where it takes 1 kB with all
// there is about it. A file is on the list once, whoever has it. The first time that
// is all of the list, and all manifests that a device lacks, 256 to a question, 16
// written at once. With 2,000 files, on 2 busy cores: 1 s for two devices that have
// all of them, 8 s for an empty one (the disk's), 0.1 s for one more file, 1 s for a
// return. So 100,000 files are 15 MB, 100 MB of memory, and minutes the first time. A
// comparison looks at all of both lists and then rests four times as long, 5 s at
// most. See BenchmarkLongList.
//
// Before the proof: 16 streams at a time from all who say no mark of ours, 4 of one peer, 5 s,
// frames of 256 bytes. After it: 32 devices, questions of 8 KiB, manifests of 1 GiB, 30 s
// without progress. The replica: a million files, 256 MiB.
//
// # What is not promised
//
// That others hear at once what a device changed while its clock was minutes ahead:
// they do when their clocks have come so far, or when it is started again. That a
// device which has the key can be shut out: for that there is a new key, and
// new files. That a repair's new placements reach the others: they are hints, and a
// get finds the hosts without. That devices which never run at one time agree: they
// do by the catalogue's notes, when they recover. In a mesh of more members than
// gossip watches two devices may not hear of each other's first mark.
package devices
