package transfer

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// evacuationName is the file, beside the journals, that tells who took what of
// a leaving host: receipts as in a journal. One whose lease has ended counts no
// more; after [believeTime] its host is asked again.
const evacuationName = "evacuation"

// believeTime is how long a receipt of an earlier try counts unasked.
const believeTime = 24 * time.Hour

// maxEvacuated is how many receipts are kept in memory: about 60 MB. What is
// beyond is offered again, and its host has it.
const maxEvacuated = 1 << 19

// evacuated is what has left this host, and to whom it went. It is safe for
// concurrent use.
type evacuated struct {
	mu    sync.Mutex
	file  *os.File
	shown map[mark]uint8
}

// mark stands for something that is counted: a hash is shorter than its parts.
type mark [16]byte

func markOf(kind byte, parts ...[]byte) (m mark) {
	h := blake3.New()
	_, _ = h.Write([]byte{kind})
	for _, p := range parts {
		_, _ = h.Write(p)
	}
	copy(m[:], h.Sum(nil))
	return m
}

// lotMark is one shard at its place, heirMark a host that took one of a file,
// shareMark what a host took of a segment, tookMark who took a shard some time ago.
func lotMark(o shard.Offer) mark {
	return markOf(1, o.Grant[:], o.Shard[:], binary.BigEndian.AppendUint32(nil, o.Segment), []byte{o.Index})
}
func heirMark(o shard.Offer, p peer.ID) mark { return markOf(2, o.Grant[:], []byte(p)) }
func shareMark(o shard.Offer, p peer.ID) mark {
	return markOf(3, o.Grant[:], binary.BigEndian.AppendUint32(nil, o.Segment), []byte(p))
}

func tookMark(o shard.Offer, p peer.ID) mark {
	at := append(binary.BigEndian.AppendUint32(nil, o.Segment), o.Index)
	return markOf(4, o.Grant[:], o.Shard[:], at, []byte(p))
}

// openEvacuated reads what earlier tries brought away. The tail that a crash
// tore off is dropped.
func openEvacuated(folder string, now time.Time) (*evacuated, error) {
	file, err := os.OpenFile(filepath.Join(folder, evacuationName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("evacuation: %w", err)
	}
	v := &evacuated{file: file, shown: map[mark]uint8{}}
	in, at := bufio.NewReaderSize(file, 64<<10), int64(0)
	for {
		kind, body, err := readRecord(in)
		var r shard.Receipt
		if err != nil || kind == recordReceipt && wire.Unmarshal(body, &r) != nil {
			break
		}
		at += int64(wire.FrameHeaderSize + 4 + len(body))
		if r.LeaseEnd > now.Unix() {
			v.recall(r, now)
		}
	}
	if len(v.shown) == 0 {
		at = 0
	}
	if err := file.Truncate(at); err != nil {
		file.Close()
		return nil, fmt.Errorf("evacuation: %w", err)
	}
	_, err = file.Seek(at, 0)
	return v, err
}

func (v *evacuated) close() error { return v.file.Close() }

// recall takes in a receipt of an earlier try. A host may have given several for
// one shard.
func (v *evacuated) recall(r shard.Receipt, now time.Time) {
	o := offerOf(r)
	if !v.took(o, r.Host) {
		v.claim(o, r.Host)
	}
	age := now.Sub(time.Unix(r.Time, 0))
	if age < believeTime && age > -believeTime {
		v.count(r)
	} else if len(v.shown) < 3*maxEvacuated {
		v.shown[heirMark(o, r.Host)] = 1
		v.shown[tookMark(o, r.Host)] = 1
	}
}

func (v *evacuated) count(r shard.Receipt) {
	if len(v.shown) >= 3*maxEvacuated {
		return
	}
	o := offerOf(r)
	v.shown[lotMark(o)] = 1
	v.shown[heirMark(o, r.Host)] = 1
}

func offerOf(r shard.Receipt) shard.Offer {
	return shard.Offer{Grant: r.Grant, Shard: r.Shard, Segment: r.Segment, Index: r.Index}
}

// claim counts a shard at p, release takes it back when p did not take it.
func (v *evacuated) claim(o shard.Offer, p peer.ID)   { v.share(o, p, 1) }
func (v *evacuated) release(o shard.Offer, p peer.ID) { v.share(o, p, -1) }

// share is how many shards of the segment p took, or is being sent, from here;
// it changes that by more.
func (v *evacuated) share(o shard.Offer, p peer.ID, more int) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := shareMark(o, p)
	n := int(v.shown[m]) + more
	if _, known := v.shown[m]; more != 0 && (known || len(v.shown) < 3*maxEvacuated) {
		v.shown[m] = uint8(min(max(n, 0), 255))
	}
	return n
}

// add takes in a receipt.
func (v *evacuated) add(r shard.Receipt) error {
	body, err := wire.Marshal(r)
	if err != nil {
		return fmt.Errorf("evacuation: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count(r)
	if _, err := v.file.Write(frameRecord(recordReceipt, body)); err != nil {
		return fmt.Errorf("evacuation: %w", err)
	}
	return nil
}

// has reports whether a shard has left already.
func (v *evacuated) has(o shard.Offer) bool { return v.shows(lotMark(o)) > 0 }

// took reports whether p took a shard so long ago that it is asked again.
func (v *evacuated) took(o shard.Offer, p peer.ID) bool { return v.shows(tookMark(o, p)) > 0 }

// heir reports whether p took a shard of the file from here.
func (v *evacuated) heir(o shard.Offer, p peer.ID) bool { return v.shows(heirMark(o, p)) > 0 }

func (v *evacuated) shows(m mark) uint8 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.shown[m]
}
