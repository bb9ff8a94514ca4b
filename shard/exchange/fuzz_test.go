package exchange

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// golden returns the frames in testdata.
func golden(t testing.TB) [][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "v1", "*.hex"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files, %v", err)
	}
	var frames [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame)
	}
	return frames
}

// tape is a stream that plays bytes and records what is written.
type tape struct {
	network.Stream
	in, out bytes.Buffer
}

func (s *tape) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *tape) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *tape) Close() error                     { return nil }
func (s *tape) Reset() error                     { return nil }
func (s *tape) SetDeadline(time.Time) error      { return nil }
func (s *tape) SetReadDeadline(time.Time) error  { return nil }
func (s *tape) SetWriteDeadline(time.Time) error { return nil }

type named struct {
	host.Host
	id peer.ID
}

func (h named) ID() peer.ID { return h.id }

// taped returns a server without a network, and its store.
func taped(t testing.TB, now time.Time) (*Server, *exchangetest.Store) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	public, err := crypto.UnmarshalEd25519PublicKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	store := exchangetest.NewStore()
	store.Limit(1<<20, 0)
	return NewServer(ServerConfig{
		Host: named{id: id}, Key: key, Mesh: "test", Store: store, Now: func() time.Time { return now },
	}), store
}

func (s *Server) play(data []byte) []byte {
	st := &tape{}
	st.in.Write(data)
	r := &request{Stream: st, peer: "asker"}
	name, err := s.answer(context.Background(), r)
	if err != nil {
		s.refuse(context.Background(), r, name, err)
	}
	return st.out.Bytes()
}

// wholeFile returns an ASK, OFFER with its bytes, FETCH, LIST and DELETE that
// are all in order.
func wholeFile(t testing.TB, host peer.ID, now time.Time) [][]byte {
	t.Helper()
	seed, id, body := shard.Seed{1}, shard.FileID{2}, bytes.Repeat([]byte("shard "), 20)
	_, grant, err := shard.NewGrant(seed, id, "test")
	if err != nil {
		t.Fatal(err)
	}
	digest := shard.GrantDigest(grant)
	offer, err := shard.Offer{Grant: digest, Shard: shard.Sum(body), Length: uint32(len(body)), Lease: 60}.
		Sign(seed.FileKey(id).RepairKey(), "test")
	if err != nil {
		t.Fatal(err)
	}
	order := shard.Order{Grant: digest, Host: host, NotAfter: now.Unix()}
	list, err := order.Sign(seed.FileKey(id).RepairKey(), shard.OrderList, "test")
	if err != nil {
		t.Fatal(err)
	}
	del, err := order.Sign(seed.AdminKey(id), shard.OrderDelete, "test")
	if err != nil {
		t.Fatal(err)
	}
	var streams [][]byte
	for _, m := range []sample{
		{kind: opAsk, message: askMessage{Bytes: 1, Lease: 60}},
		{kind: opOffer, message: offerMessage{Grant: grant, Offer: offer}},
		{kind: opFetch, message: fetchMessage{Shard: shard.Sum(body)}},
		{kind: opList, message: orderMessage{grant, list}},
		{kind: opDelete, message: orderMessage{grant, del}},
	} {
		var b bytes.Buffer
		if err := wire.WriteMessage(&b, m.kind, m.message); err != nil {
			t.Fatal(err)
		}
		if m.kind == opOffer {
			b.Write(body)
		}
		streams = append(streams, b.Bytes())
	}
	return streams
}

// A host plays whatever a stream brings and answers only with whole frames,
// the last of which may be followed by the bytes that it announces.
func FuzzServe(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	s, _ := taped(f, now)
	for _, frame := range golden(f) {
		f.Add(frame)
	}
	for _, stream := range wholeFile(f, s.cfg.Host.ID(), now) {
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, _ := taped(t, now)
		out := s.play(data)
		for len(out) > 0 {
			kind, payload, rest, err := wire.ParseFrame(out, maxHeld)
			if err != nil {
				t.Fatalf("answered %x: %v", out, err)
			}
			out = rest
			if kind == ansBytes {
				var m bytesMessage
				if err := wire.Unmarshal(payload, &m); err != nil || int(m.Length) != len(rest) {
					t.Fatalf("%d bytes after BYTES, %+v, %v", len(rest), m, err)
				}
				break
			}
		}
		if again := s.play(data); bytes.Count(again, []byte("internal error")) > 0 {
			t.Fatalf("played again it answers %q", again)
		}
	})
}

// What is in order is answered in order, so that the fuzzer starts from
// streams that reach every line.
func TestServeTape(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, store := taped(t, now)
	want := [][]byte{{ansRoom}, {ansReady, ansReceipt}, {ansBytes}, {ansHeld}, {ansDeleted}}
	for i, stream := range wholeFile(t, s.cfg.Host.ID(), now) {
		out := s.play(stream)
		for _, kind := range want[i] {
			got, _, rest, err := wire.ParseFrame(out, maxHeld)
			if err != nil || got != kind {
				t.Errorf("operation %d: kind %d, %v; want %d", i+1, got, err, kind)
			}
			out = rest
		}
	}
	if store.Delivered() != 120 || store.Shards() != 0 {
		t.Errorf("%d bytes delivered, %d shards", store.Delivered(), store.Shards())
	}
}

// Whatever an asker reads, it ends with an answer it knows or an error, within
// its limits.
func FuzzAnswer(f *testing.F) {
	for _, frame := range golden(f) {
		f.Add(frame)
		f.Add(append(wire.AppendFrame(nil, firstHint, []byte{0xa0}), frame...))
	}
	limits := map[byte]int{ansRoom: maxAnswer, ansReady: maxAnswer, ansDone: maxAnswer, ansHeld: maxHeld}
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, payload, err := readAnswer(bytes.NewReader(data), limits)
		if err == nil && (limits[kind] == 0 || len(payload) > limits[kind]) {
			t.Fatalf("kind %d with %d bytes came through", kind, len(payload))
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Fatalf("error of %d bytes", len(err.Error()))
		}
	})
}

// Parse, write, parse: the second reading is the first.
func FuzzMessage(f *testing.F) {
	for _, frame := range golden(f) {
		f.Add(frame[wire.FrameHeaderSize:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range samples {
			first := reflect.New(reflect.TypeOf(s.message).Elem()).Interface()
			if wire.Unmarshal(data, first) != nil {
				continue
			}
			written, err := wire.Marshal(first)
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			second := reflect.New(reflect.TypeOf(s.message).Elem()).Interface()
			if err := wire.Unmarshal(written, second); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			rewritten, err := wire.Marshal(second)
			if err != nil || !bytes.Equal(written, rewritten) {
				t.Fatalf("%s: %x, then %x, %v", s.name, written, rewritten, err)
			}
		}
	})
}
