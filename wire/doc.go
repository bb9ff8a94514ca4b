// Package wire is how things are written down, on streams and on disk: one
// codec (canonical CBOR), one frame, one way to sign, one table of error codes.
// It knows nothing of files, peers or protocols.
//
// # Frame
//
//	+---------------------+--------+------------------+
//	| length, uint32, BE  | kind   | payload          |
//	+---------------------+--------+------------------+
//	        4 bytes         1 byte    length-1 bytes
//
// The length counts kind and payload, so it is at least 1. The reader names
// the largest payload it takes before it allocates anything. Kind 0 is an
// error (see [Error]) in every protocol; the other kinds belong to the
// protocol.
//
// # Body
//
// A payload is one canonical CBOR item (RFC 8949, section 4.2.1): structs are
// maps with small integer keys. Keys and enumerations are append-only. A
// reader ignores keys it does not know and refuses duplicate keys, indefinite
// lengths, tags, deep nesting and trailing bytes.
//
// # Signature
//
// An Ed25519 signature (RFC 8032) covers
//
//	"batchain/" KIND "/1" 0x00 MESH BODY
//
// where BODY is the CBOR exactly as it travels: it is verified as received and
// passed on verbatim, never encoded again. A mesh name holds only bytes below
// 0x80, and BODY must be a CBOR map, which starts at 0xa0 or above: the parts
// cannot run into each other.
package wire
