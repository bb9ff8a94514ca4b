package catalogue

import (
	"fmt"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

const blobVersion = 1

// pageBlob is a page as one writer knows it.
type pageBlob struct {
	Version    int         `cbor:"1,keyasint"`
	Page       uint32      `cbor:"2,keyasint"`
	Pages      uint32      `cbor:"3,keyasint"`
	Entries    []entry     `cbor:"4,keyasint"`
	Tombstones []tombstone `cbor:"5,keyasint"`
	Seen       []seen      `cbor:"6,keyasint,omitempty"`
}

type entry struct {
	File  shard.FileID `cbor:"1,keyasint"`
	Added int64        `cbor:"2,keyasint"`
	Of    shard.FileID `cbor:"3,keyasint,omitzero"`
	Until int64        `cbor:"4,keyasint,omitempty"`
}

type tombstone struct {
	File shard.FileID `cbor:"1,keyasint"`
	When int64        `cbor:"2,keyasint"`
}

// blob writes a page of the state, for the mesh.
func (s *state) blob(number int) ([]byte, error) {
	p := s.Pages[number]
	b := pageBlob{
		Version: blobVersion, Page: uint32(number), Pages: uint32(len(s.Pages)),
		Entries: []entry{}, Tombstones: []tombstone{}, Seen: p.Seen,
	}
	for _, r := range p.Rows {
		if r.Gone != 0 {
			b.Tombstones = append(b.Tombstones, tombstone{r.File, r.Gone})
			continue
		}
		b.Entries = append(b.Entries, entry{r.File, r.Added, r.Of, r.Until})
	}
	return wire.Marshal(b)
}

// parsePage reads the plaintext of page number. Errors: [ErrNewer],
// [wire.ErrBadRequest].
func parsePage(plain []byte, number int) (pageBlob, error) {
	var b pageBlob
	if err := checkVersion(plain, blobVersion); err != nil {
		return b, err
	}
	if err := wire.Unmarshal(plain, &b); err != nil {
		return b, fmt.Errorf("page: %w", err)
	}
	if b.Version != blobVersion || int(b.Page) != number || b.Pages == 0 || b.Pages > maxPages || len(b.Seen) > maxSeen {
		return b, fmt.Errorf("page %d of %d, version %d, %d slots seen: %w", b.Page, b.Pages, b.Version, len(b.Seen), wire.ErrBadRequest)
	}
	return b, nil
}

// maxSeen is the most slots that a page tells of. Hosts keep 16 of a page; in a
// lease's time a few more may have come and gone.
const maxSeen = 32

// merge takes in what a slot tells, but nothing that is due to go.
func (s *state) merge(b pageBlob, now time.Time) {
	for _, t := range b.Tombstones {
		if t.When >= now.Add(-tombstoneTime).Unix() {
			s.bury(t.File, t.When)
		}
	}
	for _, e := range b.Entries {
		if _, known := s.at[e.File]; !known && !over(e.Until, now) {
			s.insert(row{File: e.File, Added: e.Added, Of: e.Of, Until: e.Until, Noted: elsewhere})
		} else if known {
			s.serve(e.File, e.Of)
		}
	}
}

// serve notes that a known file only serves another.
func (s *state) serve(id, of shard.FileID) {
	at := s.at[id]
	p := &s.Pages[at.page]
	if r := &p.Rows[at.row]; r.Of == (shard.FileID{}) && of != r.Of {
		p.used -= r.cost()
		r.Of = of
		p.used += r.cost()
		p.alter()
	}
}
