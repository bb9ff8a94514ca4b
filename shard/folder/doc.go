// Package folder writes a folder as one stream of bytes and makes a folder of
// such a stream again. It knows nothing of shards: what a put seals and a get
// brings back is the stream.
//
//	+--------------------+---------------+---------+---------+
//	| tar (POSIX pax)    | two zero      | index   | trailer |
//	| in order of paths  | blocks: its end |       |         |
//	+--------------------+---------------+---------+---------+
//
// Any tar program unpacks the stream: what follows tar's end it ignores. This
// package reads the index instead, so one file can be had without the others.
// The index is frames of package wire, each a CBOR list of at most 64 entries:
//
//	frame kind 1   [{1 path bytes · 2 kind (0 file, 1 folder, 2 link) · 3 size · 4 offset · 5 mode · 6 mtime (ns) · 7 link bytes}]
//
// offset is where a file's bytes begin in the stream. The trailer is 32 bytes:
// the magic "batfoldr", then as uint64, big endian, the index's offset, its
// length and the number of entries.
//
// A path is relative, with slashes, without ".", ".." and empty elements; the
// folder itself is ".". Bytes that are no UTF-8 are kept. Files with several
// hard links are kept once for each; devices, pipes and sockets are left out
// and told of. Owner, access lists and extended attributes are not kept.
//
// A stream may come from anybody: nothing it says makes [Archive.Restore] write
// outside of the folder that it makes, follow a link, or take more memory than
// one frame of the index.
package folder
