// Package shard is the storage format: ids, keys, grants, the scheme, sealing,
// encoding and the manifest. It is pure: it touches no network and no disk.
//
// # From file to shards
//
//	file     │ plaintext …                                              │
//	         └─ segment 0 ──┴─ segment 1 ──┴─ … ─┴─ last segment (short)─┘
//	segment  │ plaintext │ → AES-256-GCM → │ sealed = plaintext + 16 B   │
//	shards   │ 0 │ 1 │ … Data-1 │ Data … Data+Parity-1 │   Reed-Solomon
//
// A full segment is 16 MiB sealed, or that halved until two segments with their
// parity fit the writer's buffers; readers take any length up to 16 MiB. The
// sealed bytes are padded with zeros to Data × shard length, which is a
// multiple of 64. An empty file is one segment of 16 sealed bytes. A shard is
// named by the BLAKE3-256 of its bytes.
//
// Sealing comes before encoding, so whoever repairs or audits a file needs no
// key that reads it.
//
// # Keys
//
//	owner seed ─ HKDF(file id) ─┬─ file key (AES-256) ── HKDF ─┬─ repair key (Ed25519)
//	                            └─ admin key (Ed25519)         └─ key of the private part
//
// The admin key signs the grant, the core and deletion; the repair key signs
// OFFER, RENEW, LIST and AUDIT. A host knows a file by its locator,
// BLAKE3("batchain/locate" ‖ file id), and an owner by the admin key, which is
// another one for every file.
//
// # Manifest
//
// The list that rebuilds one file. It is written and read as a stream: the
// magic "batchain", the version (uint32, big endian), then frames of package
// wire in this order, each a CBOR map unless it says otherwise:
//
//	kind  name        keys                                                       count
//	 1    capability  1 what (1 read, 2 repair) · 2 key, 32 bytes · 3 mesh        1
//	 2    head        1 grant (signed) · 2 Data · 3 Parity                        1     ┐
//	 3    segment     1 sealed length · 2 nonce · 3 shard ids, 32 bytes each      1–2²⁰ │ core
//	 4    private     1 nonce · 2 sealed private part                             1     │
//	 5    core        signed {1 grant digest · 2 digest of the frames of kind     1     ┘
//	                  2 to 4 as written · 3 segments · 4 sealed bytes in all}
//	 6    hosts       1 list of {1 peer id · 2 addresses}                         any
//	 7    placement   1 segment · 2 three bytes each: index, host (uint16)        any
//	 8    end         BLAKE3-256 of every byte before this frame, no CBOR         1
//
// The core is signed once, by the admin key, and never changes. Placements are
// hints: they are merged by union, and a wrong one costs a wasted question.
// Hosts are numbered in the order in which they appear. The private part is
// {1 file id · 2 name (bytes) · 3 size · 4 mode · 5 mtime (ns) · 6 content hash},
// sealed with AES-256-GCM under its own key and bound to the locator. The
// content hash is BLAKE3 over the BLAKE3 hashes of the segments' plaintexts.
//
// Two capabilities: with the file key a manifest reads; with the repair key in
// its place it audits, renews and repairs, and reads nothing, not even the name.
package shard
