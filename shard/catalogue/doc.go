// Package catalogue is the owner's list of files, as notes on the mesh: with it
// the seed alone brings every file back. A note is a small sealed blob that
// hosts keep under a locator (see [shard.Note]); its writer is one device.
//
//	seed ─┬─ CatalogueID(page) ─ locator ─ up to 8 hosts ── the list, a page each
//	      └─ file id ─────────── locator ─ the file's own hosts ── its manifest
//
// # Blob
//
//	│ nonce, 12 bytes │ AES-256-GCM of one CBOR map, tag included │
//
// The key is the note key of the page's, or the file's, file key; the additional
// data is locator ‖ writer (uint32, big endian) ‖ seq (uint64, big endian), so a
// blob opens in its own slot only. The writer is the first 4 bytes of the
// BLAKE3-256 of the device's peer id. Numbers are CBOR keys, times Unix seconds;
// a field in brackets may be absent.
//
//	page      1 version (1)   2 page uint   3 pages uint: how many the writer has
//	          4 entries: [{1 file id, 2 added, [3 of: file id], [4 until]}]
//	          5 tombstones: [{1 file id, 2 when}]
//	          6 seen: [{1 writer, 2 seq, 3 when}] of this page's other slots
//	manifest  1 version (1)   2 kind (1 manifest, 2 manifest of the manifest)   3 made   4 bytes
//
// A read manifest that does not fit a blob is put as a file of its own, and its
// blob holds the manifest of that file: kind 2. That file is an entry with "of",
// the file it serves: it is kept like any, and shown to nobody.
//
// # Union
//
// Every device writes all that it knows into its own slot, with a seq that only
// rises. What counts is the union of all slots that verify, old ones too, and
// within it a tombstone wins over an entry: a file id is never used again.
// So devices need not agree on anything, and a replayed slot takes nothing away;
// it shows in [Result].Stale. A tombstone is kept for 430 days, longer than any
// slot without it can live; an entry goes a day after its time has passed. Both
// go by a clock that has been steady for an hour only, and not while the file's
// manifest is at home. An entry stays on its page for good, since a page that is
// written must not hide what another page does not have yet.
//
// A slot verifies when its grant and note are signed by the admin key that the
// seed gives for this locator, and its blob opens. Nobody else can make one.
//
// Devices that meet need not wait for the mesh: what one has put another takes in by
// [Catalogue.Deposit] and [Catalogue.Enter], what it has deleted by [Catalogue.Bury].
//
// # At home
//
// catalogue.state in [Config].Dir is one CBOR map, then the BLAKE3-256 of its
// bytes; it is written whole, 0600:
//
//	1 version (1)   2 seq: the last one used   3 pages: [{1 rows, [2 seen], [3 dirty bool], [4 hosts uint], [5 at]}]
//	[4 owner: the first 8 bytes of the BLAKE3-256 of "batchain/catalogue-state" ‖ seed; absent: any]
//	row   1 file id   2 added   [3 of]   [4 gone: when]   [5 noted: when its manifest was last left at
//	      its hosts; absent: due; -1: another device's]   [6 until]
//
// A damaged one, or one of another seed, is set aside, and made again from the
// manifests at home and from the mesh.
package catalogue
