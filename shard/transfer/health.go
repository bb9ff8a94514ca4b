package transfer

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Health is how well a file was kept when that was last looked at.
type Health struct {
	Checked    time.Time
	Segments   int
	Hosts      int   // that hold a shard believed good
	Margin     int   // hosts that the worst segment can lose; -1: it cannot be had
	FullMargin int   // the same, when every shard is where it was put
	AtRisk     int64 // sealed bytes in segments whose margin is at most FullMargin/2
	Lost       int   // segments beyond repair now: fewer than Data indices are believed good
	Gone       int   // of them would be even if every host came back that does not answer
}

// HealthSuffix is what the health file of a manifest is called beyond the
// manifest.
const HealthSuffix = ".health"

// healthFile is MANIFEST.health: one frame of kind 1 of package wire, its payload
// CRC-32C ‖ CBOR, at most [maxHealth] bytes. It can be made again at any time, so
// one that is damaged or of a newer version counts as none.
type healthFile struct {
	Version    int          `cbor:"1,keyasint"`
	Checked    int64        `cbor:"2,keyasint"` // Unix seconds
	Segments   int          `cbor:"3,keyasint"`
	Good       int          `cbor:"4,keyasint"`
	Margin     int          `cbor:"5,keyasint"`
	FullMargin int          `cbor:"6,keyasint"`
	AtRisk     int64        `cbor:"7,keyasint"`
	Lost       int          `cbor:"8,keyasint"`
	Hosts      []hostHealth `cbor:"9,keyasint"`
	Gone       int          `cbor:"10,keyasint,omitempty"`
}

// hostHealth is one host in a health file.
type hostHealth struct {
	Peer    peer.ID `cbor:"1,keyasint"`
	Seen    int64   `cbor:"2,keyasint"`           // when it last proved what it was asked for, Unix seconds; 0: never
	Verdict verdict `cbor:"3,keyasint"`           // its state at the last audit
	Shards  int     `cbor:"4,keyasint"`           // it had then, or when it last answered
	Wrong   int     `cbor:"5,keyasint,omitempty"` // of them were found wrong
}

const (
	healthVersion  = 1
	healthKind     = 1
	maxHealth      = 4 << 20
	maxHealthHosts = 1 << 14
	// healthForget is how long a host that is not in the manifest and does not
	// answer is remembered.
	healthForget = 30 * 24 * time.Hour
)

// ReadHealth returns the health of a manifest's file as [Engine.Audit] and
// [Engine.Repair] last wrote it beside the manifest; false when there is none that
// makes sense.
func ReadHealth(manifest string) (Health, bool) {
	f, ok := readHealthFile(manifest)
	if !ok {
		return Health{}, false
	}
	return Health{
		Checked: time.Unix(f.Checked, 0), Segments: f.Segments, Hosts: f.Good, Margin: f.Margin,
		FullMargin: f.FullMargin, AtRisk: f.AtRisk, Lost: f.Lost, Gone: f.Gone,
	}, true
}

func readHealthFile(manifest string) (healthFile, bool) {
	file, err := os.Open(manifest + HealthSuffix)
	if err != nil {
		return healthFile{}, false
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxHealth+1))
	if err != nil {
		return healthFile{}, false
	}
	return parseHealth(data)
}

func parseHealth(data []byte) (f healthFile, ok bool) {
	kind, payload, rest, err := wire.ParseFrame(data, maxHealth)
	if err != nil || kind != healthKind || len(rest) > 0 || len(payload) < 4 ||
		binary.BigEndian.Uint32(payload) != crc32.Checksum(payload[4:], castagnoli) {
		return healthFile{}, false
	}
	if wire.Unmarshal(payload[4:], &f) != nil || !f.sane() {
		return healthFile{}, false
	}
	return f, true
}

func (f healthFile) sane() bool {
	return f.Version == healthVersion && f.Checked > 0 && f.Segments > 0 && f.Good >= 0 && f.Margin >= -1 && f.FullMargin >= -1 &&
		f.AtRisk >= 0 && f.Lost >= 0 && f.Lost <= f.Segments && f.Gone >= 0 && f.Gone <= f.Lost && len(f.Hosts) <= maxHealthHosts &&
		!slices.ContainsFunc(f.Hosts, func(h hostHealth) bool {
			return int(h.Verdict) >= len(verdictNames) || h.Shards < 0 || h.Peer.Validate() != nil
		})
}

func (f healthFile) encode() ([]byte, error) {
	body, err := wire.Marshal(f)
	if err != nil {
		return nil, err
	}
	return frameRecord(healthKind, body), nil
}

// seen is when each host last proved what it was asked for; those that never did
// are not in it.
func (f healthFile) seen() map[peer.ID]time.Time {
	times := map[peer.ID]time.Time{}
	for _, h := range f.Hosts {
		if h.Seen > 0 {
			times[h.Peer] = time.Unix(h.Seen, 0)
		}
	}
	return times
}

// doubts returns the hosts that had wrong shards.
func (f healthFile) doubts() map[peer.ID]bool {
	doubts := map[peer.ID]bool{}
	for _, h := range f.Hosts {
		doubts[h.Peer] = h.Wrong > 0
	}
	return doubts
}

// writeHealth keeps what a survey found beside the manifest. Without it the next
// survey only knows less, so a failure is noted and no more.
func (e *Engine) writeHealth(manifest string, s *survey, health Health) {
	f := healthFile{
		Version: healthVersion, Checked: health.Checked.Unix(), Segments: health.Segments, Good: health.Hosts, Margin: health.Margin,
		FullMargin: health.FullMargin, AtRisk: health.AtRisk, Lost: health.Lost, Gone: health.Gone, Hosts: s.hostHealth(health.Checked),
	}
	data, err := f.encode()
	if err == nil {
		err = e.rewrite(manifest, manifest+HealthSuffix, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.log.Warn("health was not written", "manifest", manifest, "err", err)
	}
}

// hostHealth tells of every host that holds, or should hold, a shard.
func (s *survey) hostHealth(now time.Time) []hostHealth {
	var all []hostHealth
	for i, h := range s.hosts {
		shards := max(len(h.shards), h.known)
		old := now.Sub(h.seen) > healthForget
		if shards == 0 || i >= s.placed && old || len(all) == maxHealthHosts {
			continue
		}
		one := hostHealth{Peer: h.peer, Verdict: h.state, Shards: shards, Wrong: h.wrong()}
		if h.doubt && h.state != verdictOK {
			one.Wrong = max(one.Wrong, 1) // it has not shown that it is better now
		}
		if !h.seen.IsZero() {
			one.Seen = h.seen.Unix()
		}
		all = append(all, one)
	}
	return all
}
