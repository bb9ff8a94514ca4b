package exchange

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
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
		Host: named{id: id}, Key: key, Mesh: "test", Store: store, Keeper: reader{}, Now: func() time.Time { return now },
	}), store
}

// reader is a keeper that reads what it is given and remembers nothing.
type reader struct{}

func (reader) Keep(_ context.Context, _ peer.ID, _ netip.Prefix, c shard.Charge, manifest io.Reader) error {
	_, err := io.CopyN(io.Discard, manifest, c.Manifest)
	return err
}

func (reader) Turn(context.Context, peer.ID, shard.Grant, bool) (shard.Turn, error) {
	return shard.Turn{Working: true}, nil
}

func (reader) Forget(shard.Grant) error { return nil }

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

// wholeFile returns one stream of every operation, with the bytes that it
// takes, all of them in order.
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
	repair := seed.FileKey(id).RepairKey()
	order := func(kind string, key ed25519.PrivateKey, o shard.Order) orderMessage {
		o.Grant, o.Host, o.NotAfter = digest, host, now.Unix()
		signed, err := o.Sign(key, kind, "test")
		if err != nil {
			t.Fatal(err)
		}
		return orderMessage{grant, signed}
	}
	note, err := shard.Note{Grant: digest, Writer: 1, Seq: 2, Length: uint32(len(body)), Sum: shard.Digest(shard.Sum(body)), Lease: 60}.
		Sign(seed.AdminKey(id), "test")
	if err != nil {
		t.Fatal(err)
	}
	pick := shard.Pick{Shard: shard.Sum(body)}
	var streams [][]byte
	for _, m := range []sample{
		{kind: opAsk, message: askMessage{Bytes: 1, Lease: 60}},
		{kind: opOffer, message: offerMessage{Grant: grant, Offer: offer}},
		{kind: opFetch, message: fetchMessage{Shard: shard.Sum(body)}},
		{kind: opList, message: order(shard.OrderList, repair, shard.Order{})},
		{kind: opAudit, message: order(shard.OrderAudit, repair, shard.Order{Picks: []shard.Pick{pick, pick}})},
		{kind: opRenew, message: order(shard.OrderRenew, repair, shard.Order{Lease: 120})},
		{kind: opRenew, message: order(shard.OrderRenew, repair, shard.Order{Lease: 60, Spots: []shard.Spot{{Shard: shard.Sum(body)}}})},
		{kind: opNotePut, message: noteMessage{grant, note}},
		{kind: opNoteGet, message: noteGetMessage{id.Locator()}},
		{kind: opKeep, message: keepMessage{shard.Charge{Grant: grant, Repair: repair.Seed(), Manifest: int64(len(body))}}},
		{kind: opTurn, message: order(shard.OrderTurn, repair, shard.Order{})},
		{kind: opDelete, message: order(shard.OrderDelete, seed.AdminKey(id), shard.Order{})},
	} {
		var b bytes.Buffer
		if err := wire.WriteMessage(&b, m.kind, m.message); err != nil {
			t.Fatal(err)
		}
		if m.kind == opOffer || m.kind == opNotePut || m.kind == opKeep {
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
			if n, raw := announced(t, kind, payload); raw {
				if n != len(rest) {
					t.Fatalf("%d bytes follow, %d are announced", len(rest), n)
				}
				break
			}
		}
		if again := s.play(data); bytes.Count(again, []byte("internal error")) > 0 {
			t.Fatalf("played again it answers %q", again)
		}
	})
}

// announced returns how many raw bytes follow an answer, if it is of a kind
// that they follow.
func announced(t testing.TB, kind byte, payload []byte) (n int, raw bool) {
	t.Helper()
	var err error
	switch kind {
	case ansBytes:
		var m bytesMessage
		err, n = wire.Unmarshal(payload, &m), int(m.Length)
	case ansProof:
		var m proofMessage
		err = wire.Unmarshal(payload, &m)
		for _, slice := range m.Slices {
			n += int(slice)
		}
	case ansNotes:
		var m notesMessage
		err = wire.Unmarshal(payload, &m)
		for _, note := range m.Notes {
			var terms shard.Note
			err = errors.Join(err, wire.Unmarshal(note.Note.Body, &terms))
			n += int(terms.Length)
		}
	default:
		return 0, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return n, true
}

// What is in order is answered in order, so that the fuzzer starts from
// streams that reach every line.
func TestServeTape(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, store := taped(t, now)
	want := [][]byte{
		{ansRoom}, {ansReady, ansReceipt}, {ansBytes}, {ansHeld}, {ansProof}, {ansRenewed}, {ansRenewed},
		{ansReady, ansKept}, {ansNotes}, {ansReady, ansCharged}, {ansTurned}, {ansDeleted},
	}
	for i, stream := range wholeFile(t, s.cfg.Host.ID(), now) {
		out := s.play(stream)
		for _, kind := range want[i] {
			got, _, rest, err := wire.ParseFrame(out, maxHeld)
			if err != nil || got != kind {
				t.Errorf("stream %d: kind %d, %v; want %d", i, got, err, kind)
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
	limits := map[byte]int{ansRoom: maxAnswer, ansReady: maxAnswer, ansDone: maxAnswer, ansHeld: maxHeld, ansNotes: maxHeld}
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
