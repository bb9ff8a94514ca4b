package shard

import "encoding/binary"

// CatalogueID is the file id of a page of the owner's catalogue: the list of
// files lies in notes under its locator, sealed with its file key. So the seed
// alone finds it.
func (s Seed) CatalogueID(page uint32) FileID {
	return FileID(derive(s[:], binary.BigEndian.AppendUint32(nil, page), "batchain/catalogue/1")[:16])
}

// NoteKey derives the key that seals a file's notes, so that it never shares a
// nonce space with segments.
func (k FileKey) NoteKey() FileKey {
	return FileKey(derive(k[:], nil, "batchain/note/1"))
}
