package catalogue

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

const (
	stateVersion = 1
	maxState     = 256 << 20 // bytes of the file: some five million files
	maxPages     = 4096
	ownerSize    = 8
)

// errDamaged means that the state's file is not what was written.
var errDamaged = errors.New("state is damaged")

// state is what a device knows, and what of it is on the mesh.
type state struct {
	Version int    `cbor:"1,keyasint"`
	Seq     uint64 `cbor:"2,keyasint"`
	Pages   []page `cbor:"3,keyasint"`
	Owner   []byte `cbor:"4,keyasint,omitempty"` // see Catalogue.owner; older states have none

	at map[shard.FileID]spot // where each row is
}

// page is a page of the catalogue.
type page struct {
	Rows  []row  `cbor:"1,keyasint"`
	Seen  []seen `cbor:"2,keyasint,omitempty"`
	Dirty bool   `cbor:"3,keyasint,omitempty"` // not on the mesh as it is here
	Hosts int    `cbor:"4,keyasint,omitempty"` // that took it as it is here
	At    int64  `cbor:"5,keyasint,omitempty"` // when they did, Unix seconds

	used int // bytes of its rows, see row.cost
}

// row is one file, or the tombstone of one.
type row struct {
	File  shard.FileID `cbor:"1,keyasint"`
	Added int64        `cbor:"2,keyasint"`
	Of    shard.FileID `cbor:"3,keyasint,omitzero"`
	Gone  int64        `cbor:"4,keyasint,omitempty"` // Unix seconds; 0: it is there
	Noted int64        `cbor:"5,keyasint,omitempty"` // see elsewhere
	Until int64        `cbor:"6,keyasint,omitempty"` // Unix seconds at which the owner lets it go; 0: never
}

// elsewhere, in row.Noted, says that another device has left the manifest.
const elsewhere = -1

// seen is the highest seq of a writer that was met in a page.
type seen struct {
	Writer uint32 `cbor:"1,keyasint"`
	Seq    uint64 `cbor:"2,keyasint"`
	At     int64  `cbor:"3,keyasint"` // Unix seconds
}

type spot struct{ page, row int }

// pageRoom is the bytes of entries and tombstones on a page: what a blob holds,
// less its head and what it tells of other slots. cost is at least what an
// entry or its tombstone takes: see bounded.
const pageRoom = maxPlain - 1024

func (r row) cost() int {
	cost := 28
	if r.Of != (shard.FileID{}) {
		cost += 18
	}
	if r.Until != 0 {
		cost += 6
	}
	return cost
}

// over reports whether a file's time has passed, by any clock.
func over(until int64, now time.Time) bool {
	return until != 0 && until < now.Add(-24*time.Hour).Unix()
}

// bounded keeps a time of a bad clock from taking more bytes than others do; 0
// would mean none.
func bounded(when int64) int64 { return min(max(when, 1), 1<<32-1) }

// add enters a row, or makes the manifest of one that is there due again. A
// file that was deleted stays so.
func (s *state) add(r row) {
	if at, ok := s.at[r.File]; ok {
		s.Pages[at.page].Rows[at.row].Noted = 0
		return
	}
	s.insert(r)
}

// insert puts a new row on the first page that has room.
func (s *state) insert(r row) {
	r.Added = bounded(r.Added)
	if r.Until != 0 {
		r.Until = bounded(r.Until)
	}
	number := slices.IndexFunc(s.Pages, func(p page) bool { return p.used+r.cost() <= pageRoom })
	if number < 0 {
		s.Pages = append(s.Pages, page{})
		number = len(s.Pages) - 1
		for i := range s.Pages { // each says how many there are
			s.Pages[i].Dirty = true
		}
	}
	p := &s.Pages[number]
	p.Rows, p.used = append(p.Rows, r), p.used+r.cost()
	p.alter()
	if s.at == nil {
		s.at = map[shard.FileID]spot{}
	}
	s.at[r.File] = spot{number, len(p.Rows) - 1}
}

// bury makes a tombstone of a file, known or not. By a clock that is far behind
// it would be too old at once, so a known one was not deleted before it was added.
func (s *state) bury(id shard.FileID, when int64) {
	at, ok := s.at[id]
	if !ok {
		s.insert(row{File: id, Gone: bounded(when), Noted: elsewhere})
		return
	}
	p := &s.Pages[at.page]
	if r := &p.Rows[at.row]; r.Gone == 0 {
		r.Gone = bounded(max(when, r.Added))
		p.alter()
	}
}

// serving returns the files that hold a manifest of id.
func (s *state) serving(id shard.FileID) (with []shard.FileID) {
	for _, p := range s.Pages {
		for _, r := range p.Rows {
			if r.Of == id && r.Gone == 0 {
				with = append(with, r.File)
			}
		}
	}
	return with
}

// tombstoneTime is how long a tombstone is kept: a slot without it is gone by
// then, unless its hosts keep notes for longer than they promised.
const tombstoneTime = shard.LeaseMax + 30*24*time.Hour

// prune drops what nobody needs any more, but no row of a file whose manifest is
// at home.
func (s *state) prune(now time.Time, atHome func(shard.FileID) bool) {
	for i := range s.Pages {
		p := &s.Pages[i]
		before := len(p.Rows)
		p.Rows = slices.DeleteFunc(p.Rows, func(r row) bool {
			old := over(r.Until, now)
			if r.Gone != 0 {
				old = r.Gone < now.Add(-tombstoneTime).Unix()
			}
			return old && !atHome(r.File)
		})
		if len(p.Rows) != before {
			p.alter()
		}
		p.Seen = slices.DeleteFunc(p.Seen, func(x seen) bool { return x.At < now.Add(-shard.LeaseMax).Unix() })
	}
	s.index()
}

// meet notes that a slot was met, and returns the highest seq known of its
// writer in this page.
func (p *page) meet(x seen) uint64 {
	i := slices.IndexFunc(p.Seen, func(known seen) bool { return known.Writer == x.Writer })
	if i < 0 {
		if len(p.Seen) >= maxSeen {
			oldest := slices.IndexFunc(p.Seen, func(x seen) bool { return x.At == p.oldest() })
			p.Seen = slices.Delete(p.Seen, oldest, oldest+1)
		}
		p.Seen = append(p.Seen, x)
		return x.Seq
	}
	known := &p.Seen[i]
	if x.Seq >= known.Seq {
		known.Seq, known.At = x.Seq, max(known.At, x.At)
	}
	return known.Seq
}

func (p *page) oldest() int64 {
	return slices.MinFunc(p.Seen, func(a, b seen) int { return cmp.Compare(a.At, b.At) }).At
}

// alter notes that no host has the page as it is now.
func (p *page) alter() { p.Dirty, p.Hosts = true, 0 }

func (s *state) index() {
	s.at = map[shard.FileID]spot{}
	for number := range s.Pages {
		p := &s.Pages[number]
		p.used = 0
		for i, r := range p.Rows {
			s.at[r.File] = spot{number, i}
			p.used += r.cost()
		}
	}
}

func (s *state) clone() *state {
	next := &state{Version: s.Version, Seq: s.Seq, Owner: s.Owner, Pages: slices.Clone(s.Pages), at: maps.Clone(s.at)}
	for i := range next.Pages {
		p := &next.Pages[i]
		p.Rows, p.Seen = slices.Clone(p.Rows), slices.Clone(p.Seen)
	}
	return next
}

func (s *state) encode() ([]byte, error) {
	s.Version = stateVersion
	data, err := wire.Marshal(s)
	if err != nil {
		return nil, err
	}
	sum := blake3.Sum256(data)
	return append(data, sum[:]...), nil
}

func (s *state) write(path string) error {
	data, err := s.encode()
	if err != nil {
		return err
	}
	return disk.WriteFile(path, data, 0o600)
}

// readState reads the state's file. Errors: errDamaged, [ErrNewer], those of
// the disk.
func readState(path string) (*state, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxState+1))
	if err != nil {
		return nil, err
	}
	return parseState(data)
}

func parseState(data []byte) (*state, error) {
	if len(data) < 32 || len(data) > maxState {
		return nil, fmt.Errorf("%w: %d bytes", errDamaged, len(data))
	}
	body := data[:len(data)-32]
	if sum := blake3.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) {
		return nil, fmt.Errorf("%w: its %d bytes do not match their checksum", errDamaged, len(data))
	}
	if err := checkVersion(body, stateVersion); err != nil {
		return nil, err
	}
	var s state
	if err := wire.Unmarshal(body, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if s.Version != stateVersion || len(s.Pages) > maxPages || s.Owner != nil && len(s.Owner) != ownerSize {
		return nil, fmt.Errorf("%w: version %d, %d pages, owner of %d bytes", errDamaged, s.Version, len(s.Pages), len(s.Owner))
	}
	s.index()
	return &s, nil
}
