package shard

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

// peakHeap is the most bytes of live heap seen at its calls.
type peakHeap struct{ base, peak uint64 }

func (p *peakHeap) note() {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	if p.base == 0 {
		p.base = stats.HeapAlloc
	}
	p.peak = max(p.peak, stats.HeapAlloc)
}

// A file of 1 TB is 65,536 segments: its manifest is written and read in a
// small part of its size.
func TestManifestOfATerabyte(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 48 MB")
	}
	const segments, hosts = 1 << 16, 100
	s := Scheme{8, 12}
	path := filepath.Join(t.TempDir(), "large.batchain")
	file, err := os.Create(path)
	check(t, err)
	defer file.Close()
	var heap peakHeap
	heap.note()
	writeLarge(t, file, s, segments, hosts, heap.note)
	info, err := file.Stat()
	check(t, err)
	src := &notedReader{File: file, every: 8 << 20, note: heap.note}
	m, err := OpenManifest(src, info.Size())
	check(t, err)
	number := 0
	for got, err := range m.Segments() {
		check(t, err)
		if got.Shards[0] != Sum([]byte{byte(number), byte(number >> 8)}) || len(got.Placed) != s.Shards() || got.Placed[0].Host != uint16(number%hosts) {
			t.Fatalf("segment %d: %+v", number, got)
		}
		number++
	}
	if number != segments || m.Sealed != segments*MaxSegmentLength || len(m.Hosts) != hosts {
		t.Fatalf("%d segments, %d bytes, %d hosts", number, m.Sealed, len(m.Hosts))
	}
	took := heap.peak - heap.base
	t.Logf("manifest of %d bytes, %d bytes of heap at most", info.Size(), took)
	if took > uint64(info.Size())/20 {
		t.Errorf("a manifest of %d bytes takes %d of memory", info.Size(), took)
	}
}

// notedReader calls note after every so many bytes read.
type notedReader struct {
	*os.File
	every, left int
	note        func()
}

func (r *notedReader) ReadAt(p []byte, off int64) (int, error) {
	if r.left -= len(p); r.left < 0 {
		r.left = r.every
		r.note()
	}
	return r.File.ReadAt(p, off)
}

func writeLarge(t *testing.T, file *os.File, s Scheme, segments, hosts int, note func()) {
	t.Helper()
	w, err := NewManifestWriter(file, fixedSeed(), fixedFile(), testMesh, s)
	check(t, err)
	segment := Segment{Sealed: MaxSegmentLength, Shards: make([]ID, s.Shards())}
	for number := range segments {
		segment.Number = uint32(number)
		segment.Shards[0] = Sum([]byte{byte(number), byte(number >> 8)})
		check(t, w.Segment(segment))
	}
	note()
	check(t, w.Core(Private{File: fixedFile(), Size: int64(segments) * (MaxSegmentLength - SealOverhead)}))
	for i := range hosts {
		_, id := hostKey(t, i)
		check(t, w.Hosts([]peer.AddrInfo{{ID: id}}))
	}
	placed := make([]Placement, s.Shards())
	for number := range segments {
		for i := range placed {
			placed[i] = Placement{Index: uint8(i), Host: uint16((number + i) % hosts)}
		}
		check(t, w.Placed(uint32(number), placed))
	}
	check(t, w.Close())
	note()
}
