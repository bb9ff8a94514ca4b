package exchangetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// The kinds of frames, as package exchange draws them.
const (
	ask, offer, fetch, audit, renew                  = 1, 2, 3, 5, 6
	notePut, noteGet, keep, turn                     = 8, 9, 10, 11
	reject, room, ready, data, held, done, ok        = 0, 129, 130, 131, 132, 138, 139
	proof, renewed, keptNote, notes, charged, turned = 133, 134, 136, 137, 140, 141
	hint                                             = 192
)

// Liar is a host that serves the shard protocol with a trick.
type Liar struct {
	host  host.Host
	key   ed25519.PrivateKey
	mesh  string
	trick Trick
	id    protocol.ID

	stopped chan struct{}

	mu      sync.Mutex
	streams map[network.Stream]struct{} // nil once stopped
	shards  map[shard.ID][]byte
	trees   map[shard.ID][]byte // in place of shards, for KeepsHashes
	lengths map[shard.ID]int    // … their lengths
	lots    []shard.Offer
	notes   []shard.SignedNote
	charges map[shard.Digest]bool // by grant
	first   *wire.Signed          // the first receipt it signed
	got     int64
	wg      sync.WaitGroup
}

// Lie makes h serve with trick until Stop; key is h's identity. ASK is always
// answered with plenty of room, unless the trick is for every request.
func Lie(h host.Host, key ed25519.PrivateKey, mesh string, trick Trick) *Liar {
	l := &Liar{
		host: h, key: key, mesh: mesh, trick: trick,
		id:      protocol.ID("/batchain/" + mesh + "/shard/1.0.0"),
		stopped: make(chan struct{}), streams: map[network.Stream]struct{}{}, shards: map[shard.ID][]byte{},
		trees: map[shard.ID][]byte{}, lengths: map[shard.ID]int{}, charges: map[shard.Digest]bool{},
	}
	h.SetStreamHandler(l.id, l.handle)
	return l
}

// Stop removes the handler, resets every stream and waits for them.
func (l *Liar) Stop() {
	l.host.RemoveStreamHandler(l.id)
	l.mu.Lock()
	for s := range l.streams {
		_ = s.Reset()
	}
	l.streams = nil
	l.mu.Unlock()
	close(l.stopped)
	l.wg.Wait()
}

// Received is how many bytes of shards came in.
func (l *Liar) Received() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got
}

func (l *Liar) handle(s network.Stream) {
	l.mu.Lock()
	if l.streams == nil {
		l.mu.Unlock()
		_ = s.Reset()
		return
	}
	l.streams[s] = struct{}{}
	l.wg.Add(1)
	l.mu.Unlock()
	defer l.wg.Done()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.streams, s)
	}()
	kind, payload, err := wire.ReadFrame(s, 1<<16)
	if err != nil || l.always(s) {
		_ = s.Close()
		return
	}
	switch kind {
	case ask:
		l.say(s, room, map[int]any{1: true, 2: uint64(1) << 40})
	case offer:
		l.offer(s, payload)
	case fetch:
		l.fetch(s, payload)
	case audit:
		l.audit(s, payload)
	case renew:
		l.renew(s, payload)
	case notePut:
		l.notePut(s, payload)
	case noteGet:
		l.noteGet(s, payload)
	case keep:
		l.charge(s, payload)
	case turn:
		l.turn(s, payload)
	default:
		_ = wire.WriteError(s, wire.ErrUnsupported)
	}
	_ = s.Close()
}

// always plays the tricks that are for every request.
func (l *Liar) always(s network.Stream) bool {
	switch l.trick {
	case NeverAnswers:
		l.hang(s)
	case Rubbish:
		junk := make([]byte, 4096)
		_, _ = rand.Read(junk)
		_, _ = s.Write(append([]byte{0x00, 0x00, 0x00, 0x10, 0x42}, junk...))
	case HugeFrame:
		_, _ = s.Write([]byte{0xff, 0xff, 0xff, 0xff, ready, 0xa0})
		l.hang(s)
	case Malformed:
		_ = wire.WriteFrame(s, reject, []byte{0xbf, 0x01, 0xff})
	case OtherAnswer:
		l.say(s, held, map[int]any{1: []any{}})
	case EndlessHints:
		for range 1 << 16 {
			if wire.WriteFrame(s, hint, []byte{0xa0}) != nil {
				break
			}
		}
	case HangsUp:
	default:
		return false
	}
	return true
}

// hang reads and throws away until the other end gives up.
func (l *Liar) hang(s network.Stream) { _, _ = io.Copy(io.Discard, s) }

// freeze neither reads nor writes until Stop.
func (l *Liar) freeze() { <-l.stopped }

func (l *Liar) say(s network.Stream, kind byte, fields map[int]any) {
	_ = wire.WriteMessage(s, kind, fields)
}
