// Package kad is the routing layer: who is near a key, which hosts announced a
// file, where a peer is reached. It carries no bytes of files and stores none.
//
// # What of Kademlia is used
//
// The distributed hash table is go-libp2p-kad-dht under our own protocol,
//
//	/batchain/MESH/kad/1.0.0
//
// so nodes of another mesh, or of the public DHT, never enter a routing table.
// Of its operations we use three: the closest peers of a key
// ([Table.Closest]), provider records ([Table.Provide], [Table.Find]) and the
// addresses of a peer ([Table.FindPeer]). Values are switched off: nobody can
// store anything else with us. No filter drops loopback or private addresses;
// a mesh on one machine or one LAN works like any other.
//
// The distance of a key to a peer is SHA-256(key) XOR SHA-256(peer id).
//
// # What a provider record promises
//
// A record says "this peer announced this locator, and could be reached at
// these addresses". It lies with the 20 servers closest to the locator, for 48
// hours, and is announced again every 22 hours, so it survives one missed
// round. It promises nothing about the shards: a host that died is still found
// until its last record ends, and [Table.Withdraw] only stops the renewal. Ask
// the host, verify what it says. Only the peer itself can announce itself: a
// server takes a record only over that peer's own connection.
//
// A server writes records to its datastore 256 at a time and when it closes; if
// it is killed, the last of them are with the other 19 only. Our own list of
// locators is on disk before the first record goes out, and after anything but
// an orderly close all of it is announced again.
//
// Peers are free, and a server takes records from all of them. It keeps at most
// 65,536 of one peer and 1,000,000 in all, ours apart; what comes beyond is not
// kept. Whoever fills a server so hides files from lookups there, and not from
// those who have the manifest, which names the hosts.
//
// On a full disk nothing is written ([ErrNoRoom]): records of others are lost
// until they are announced again, and our own announcing waits.
//
// # Small and empty meshes
//
//	alone     Closest: none, no error. Find: what this node was told, at once.
//	          Provide: remembered, goes out when a first server is known.
//	2 nodes   each is the other's whole table; a record lies with both.
//	3..20     everybody holds every record.
//	more      the 20 closest to the locator hold it.
//
// A table that loses its last peer starts to bootstrap again by itself, with
// pauses from one second to two minutes; one that has peers visits a bootstrap
// peer every ten minutes or so, so that two halves of a mesh meet.
// A client (Config.Server false) asks and announces and is never asked.
//
// # Time
//
// A lookup ends within [LookupTimeout], and what it found until then is its
// result. A dial inside a lookup gets [DialTimeout], a question
// [RequestTimeout]; a peer that let one of them pass is left out of lookups for
// a while, so dead and hung peers cost one lookup and not every lookup.
//
// # Order of closing
//
// Run's end, or Close: announcing stops, the protocol handler goes, open
// streams are reset and their handlers waited for, the DHT writes its buffer.
// Then the caller closes the host, and last the database under the datastore.
package kad
