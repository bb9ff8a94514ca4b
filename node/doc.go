// Package node assembles one member of a mesh and keeps it running.
//
//	     control socket          other nodes
//	           │                      │
//	┌──────────┴───────────┐   ┌──────┴──────┐
//	│ control: commands    │   │ libp2p host │  one identity, TCP and QUIC
//	└──────────┬───────────┘   └──┬───────┬──┘
//	           │ backend          │       │
//	┌──────────┴───────────┐   ┌──┴──┐ ┌──┴───────┐
//	│ transfer: whole files├───┤ kad │ │ exchange │  who · one shard, one peer
//	└──────────────────────┘   └──┬──┘ └──┬───────┘
//	                              │  ┌────┴─────┐
//	                              │  │  store   │  shards of others on this disk
//	                              │  └────┬─────┘
//	                           ┌──┴───────┴──┐
//	                           │    index    │  one Badger database
//	                           └─────────────┘
//
// The parts below know nothing of each other; this package introduces them:
// finder joins routing and transfer, backend joins transfer and control, fault
// says in a person's words what the parts say in theirs.
//
// # Life
//
// [New] opens everything in order: the home (lock, format, index), the host,
// routing, exchange and store, the engine, the control socket. [Node.Run]
// starts every part in one group; a part that dies ends the node with its
// error. When the context ends the parts end, and what New has opened is closed
// in reverse: routing, host, index, lock. No goroutine is left.
//
// A node is a server, which stores for others and takes part in routing,
// unless it has no storage, or is a client: that one lives as long as one
// command, keeps nothing, and listens nowhere. Both serve the control socket.
//
// # Home
//
//	format         one integer, read first: a newer home is refused, an older brought up
//	lock           held by the node that runs, with its process id inside
//	config.toml    settings; see [LoadConfig]
//	identity.key   the node: Ed25519, as libp2p marshals it, mode 0600
//	owner.key      the person: 32 bytes, mode 0600; every file's keys derive from it
//	index/         Badger: rows of store and kad
//	shards/        shards of others, see package store
//	manifests/     one file for each of the owner's files: ID.batchain
//	journal/       puts that are not finished
//	work/          projects, results and the wish to volunteer, see package labour; made
//	               when it is needed
//	devices.replica  the list of files as the owner's machines share it, see package devices
//	peers.json     hosts met before, so that a restart needs no address
//	control.sock   commands; for a home whose path is over 90 bytes it lies in a
//	               folder of its own (0700) below the temporary one, and
//	control.path   says where
//
// Files that are written whole are written beside their place, synced, and
// renamed; a crash leaves the old one or the new one.
package node
