// Package labour is a node's part in workgroups. It introduces package work's
// parts to each other, to the mesh and to the person:
//
//	PROJECT.toml ─→ spec ─→ hive ←─ dispatch ←── bees of other nodes
//	                          │
//	                      datachunks ─→ results, source
//
//	hives of others ←── dispatch ←── bee ─→ Pool: children that run units
//
// A node that has no project and does not volunteer costs nothing: the hive
// opens with the first project, the pool with the first bee.
//
// # Folder
//
//	work/hive/                  the hive's database and its modules; see package hive
//	work/projects/NAME/         one for each project, made whole and never changed:
//	    project.json            its terms and where its units come from; version 1
//	    units.jsonl             the inputs, when they come from a file
//	    validator.wasm          who judges, when that is a module
//	work/exec/                  the pool's; see package exec
//	work/validators/NAME/       of a module that judges: a pool of its own
//	work/files/SHA256           files that bees read, named as the program names them; 4 GiB
//	work/files/SHA256-mesh      the same, of the mesh: the hash is that of the manifest
//	work/checkpoints/SHA256     how to go on with a unit, named by program and input: the SHA-256 of the rest, one JSON value; the last 64
//	work/volunteer.json         whose units the node's bees do; version 1
//
// A project is there once its folder is: when the node ends before the hive
// knows it, the next start tells the hive. Units are read from the file, the
// range or the source by their number, a few ahead of the bees, and are written
// once: so a hive that is killed makes none twice and leaves none out. A
// source is a program; it is asked for units by their number, and after a restart for
// the first one that the hive does not have.
// Units may be in a store, too: rows of a table, files in a folder. Package feed
// keeps the project in step with it; until it is reached, work show tells why not. The
// owner of claims is PEER/NAME, of this node's peer and the project.
//
// # Bees
//
// The wish to volunteer outlives the node. With hives that are named there is a
// bee for each; without, for every hive that the mesh says has work on offer, at
// most 16 at a time. All of them share the pool, whose slots bound what runs at
// once. A program that the pool refuses is given back after a moment, so that a
// machine that lacks what it takes does not keep asking.
//
// What a program says of how to go on with a long unit is kept, at most every 10 s and when
// the node ends; a node that is killed asks its hives for the tasks that it had, and goes
// on with them there.
//
// # Files
//
// A project's module and files reach a bee by their hash, from the hive. A file of
// the mesh is named by its manifest: the bee gets that from the hive and the file
// from its hosts, checks it, and keeps it for the next unit. So bees can read
// what a project has them read, and nothing else of the owner's.
//
// # Owners
//
// A bee tells the hive the key of its owner, so that two nodes of one person count
// as one. The key derives from the owner's seed and the hive's peer: hives cannot
// compare notes about who is whose.
package labour
