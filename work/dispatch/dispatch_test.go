package dispatch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/dispatch"
	"github.com/batchain/batchain/work/worktest"
)

// fake is a hive that says what it is told to.
type fake struct {
	known    atomic.Bool // bees need no proof
	door     *work.Doorman
	batch    work.Batch
	err      error
	errs     chan error // what Request fails with, one after the other; nil: with err
	verdicts []error    // of Submit; nil: of three kinds
	results  chan []work.Result
	member   atomic.Pointer[work.Member]
	waits    bool // Request waits for its context
	left     chan struct{}
}

func (f *fake) Hello(_ context.Context, m work.Member) (int64, *work.Challenge, error) {
	c := f.door.Challenge(m.Peer, 4, time.Now())
	return 0, &c, f.err
}

func (f *fake) Prove(_ context.Context, m work.Member, p work.Proof) (int64, error) {
	f.member.Store(&m)
	err := f.door.Check(m.Peer, p, time.Now())
	f.known.Store(err == nil)
	return time.Now().Add(time.Hour).UnixMilli(), err
}

func (f *fake) Request(ctx context.Context, _ work.Member, _ work.Wish) (work.Batch, error) {
	if f.waits {
		<-ctx.Done()
		close(f.left)
	}
	if !f.known.Load() {
		return work.Batch{}, work.ErrNotVerified
	}
	if f.errs != nil {
		return work.Batch{}, <-f.errs
	}
	return f.batch, f.err
}

func (f *fake) Submit(_ context.Context, _ work.Member, results []work.Result) ([]error, error) {
	if f.results != nil {
		f.results <- results
	}
	if f.verdicts != nil {
		return f.verdicts, f.err
	}
	return []error{nil, work.ErrLate, wire.ErrTooBig}[:len(results)], f.err
}

func (f *fake) Beat(_ context.Context, _ work.Member, beats []work.Beat) ([]work.Order, error) {
	return []work.Order{work.GoOn, work.Stop}[:len(beats)], f.err
}

type modules map[[sha256.Size]byte][]byte

func (m modules) Open(hash [sha256.Size]byte) (io.ReadCloser, int64, error) {
	data, ok := m[hash]
	if !ok {
		return nil, 0, wire.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
}

func serve(t testing.TB, f *fake, m dispatch.Modules) host.Host {
	t.Helper()
	at := worktest.Host(t, 1)
	f.door = work.NewDoorman(at.ID(), make([]byte, 32))
	worktest.Run(t, dispatch.NewServer(dispatch.ServerConfig{
		Host: at, Mesh: worktest.Mesh, Hive: f, Modules: m, PeerStreams: 4, Session: 2 * time.Second,
	}).Run)
	deadline := time.Now().Add(20 * time.Second)
	for !served(at) && time.Now().Before(deadline) {
		<-time.After(time.Millisecond)
	}
	return at
}

func served(at host.Host) bool {
	for _, id := range at.Mux().Protocols() {
		if id == dispatch.ProtocolID(worktest.Mesh) {
			return true
		}
	}
	return false
}

func TestCallsAndAnswers(t *testing.T) {
	program := work.Program{Kind: work.Inline, Name: "f"}
	f := &fake{results: make(chan []work.Result, 1), batch: work.Batch{
		Programs: []work.Program{program},
		Tasks:    []work.Task{{Token: work.Token{1}, Input: []byte("in"), Lease: time.Second, Limit: time.Hour}},
	}}
	module := []byte("\x00asm and so on")
	at := serve(t, f, modules{sha256.Sum256(module): module})
	bee := worktest.Host(t, 2)
	bee.Peerstore().AddAddrs(at.ID(), at.Addrs(), peerstore.PermanentAddrTTL)
	c := dispatch.NewClient(dispatch.ClientConfig{Host: bee, Mesh: worktest.Mesh, Hive: at.ID(), Owner: worktest.Key(7)})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	wish := work.Wish{Slots: 1, Kinds: []work.Kind{work.Inline}, Names: []string{"f"}}
	batch, err := c.Request(ctx, wish) // proves its work on the way
	if err != nil || len(batch.Tasks) != 1 || string(batch.Tasks[0].Input) != "in" || batch.Tasks[0].Limit != time.Hour {
		t.Errorf("%+v, %v", batch, err)
	}
	if m := f.member.Load(); m == nil || m.Peer != bee.ID() || !bytes.Equal(m.Owner, worktest.Key(7)[32:]) || m.Network != nil {
		t.Errorf("the hive saw %+v", m)
	}
	sent := []work.Result{{Token: work.Token{1}, Status: work.Done, Output: []byte("out"), Fuel: 5}, {}, {}}
	verdicts, err := c.Submit(ctx, sent)
	if err != nil || len(verdicts) != 3 || verdicts[0] != nil || !errors.Is(verdicts[1], work.ErrLate) || !errors.Is(verdicts[2], wire.ErrTooBig) {
		t.Errorf("%v, %v", verdicts, err)
	}
	if got := <-f.results; string(got[0].Output) != "out" || got[0].Fuel != 5 {
		t.Errorf("the hive got %+v", got)
	}
	orders, err := c.Beat(ctx, make([]work.Beat, 2))
	if err != nil || len(orders) != 2 || orders[1] != work.Stop {
		t.Errorf("%v, %v", orders, err)
	}
	if got, err := c.Module(ctx, sha256.Sum256(module)); err != nil || !bytes.Equal(got, module) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Module(ctx, [32]byte{}); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("a module that is not there: %v", err)
	}
}

// What goes wrong in the hive reaches the bee by name and by group, of a call and of each
// result, and nothing else of it does.
func TestErrorsReachTheBee(t *testing.T) {
	all := append(work.Errors(), wire.ErrFull)
	f := &fake{errs: make(chan error, 2), verdicts: all}
	f.known.Store(true)
	c := worktest.Client(t, 2, serve(t, f, nil))
	arrives := func(how string, want, got error) {
		group := reflect.New(reflect.TypeOf(want)).Interface()
		if !errors.Is(got, want) || !errors.As(got, group) || bytes.Contains([]byte(got.Error()), []byte("secret")) {
			t.Errorf("%s: %v came as %v", how, want, got)
		}
	}
	for _, want := range all {
		f.errs <- fmt.Errorf("secret at hive.go:17: %w", want)
		if want == work.ErrNotVerified {
			f.errs <- want // the bee has made itself known meanwhile
		}
		_, err := c.Request(t.Context(), work.Wish{Slots: 1, Kinds: []work.Kind{work.WASM}})
		arrives("request", want, err)
	}
	verdicts, err := c.Submit(t.Context(), make([]work.Result, len(all)))
	if err != nil || len(verdicts) != len(all) {
		t.Fatal(verdicts, err)
	}
	for i, want := range all {
		arrives("verdict", want, verdicts[i])
	}

	own := &fake{err: errors.New("panic at hive.go:17: secret")}
	own.known.Store(true)
	c = worktest.Client(t, 2, serve(t, own, nil))
	_, err = c.Submit(t.Context(), make([]work.Result, 1))
	if !errors.Is(err, wire.ErrInternal) || bytes.Contains([]byte(err.Error()), []byte("secret")) {
		t.Errorf("an error of the hive's own came as %v", err)
	}
}

// raw writes bytes to the server and returns the error that it answers.
func raw(t testing.TB, from, at host.Host, data []byte) error {
	t.Helper()
	st, err := from.NewStream(t.Context(), at.ID(), dispatch.ProtocolID(worktest.Mesh))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Reset()
	_ = st.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := st.Write(data); err != nil {
		return err
	}
	_ = st.CloseWrite()
	kind, payload, err := wire.ReadFrame(st, 1<<20)
	if err != nil {
		return err
	}
	if kind != wire.KindError {
		t.Fatalf("%x was answered with kind %d", data[:min(20, len(data))], kind)
	}
	return work.FromWire(wire.ReadError(payload))
}

func frame(t testing.TB, kind byte, v any) []byte {
	t.Helper()
	payload, err := wire.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return wire.AppendFrame(nil, kind, payload)
}

// Everything that a stranger may send which is no request.
func TestHostileRequests(t *testing.T) {
	f := &fake{}
	f.known.Store(true)
	at := serve(t, f, nil)
	from := worktest.Host(t, 2)
	from.Peerstore().AddAddrs(at.ID(), at.Addrs(), peerstore.PermanentAddrTTL)
	huge := binary.BigEndian.AppendUint32(nil, 1<<30)
	claim, err := wire.Sign(worktest.Key(9), wire.Domain{Kind: "work-owner", Mesh: worktest.Mesh}, map[int][]byte{1: []byte(at.ID())})
	if err != nil {
		t.Fatal(err)
	}
	owner := []byte(worktest.Key(9)[32:])
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"an unknown operation", frame(t, 99, map[int]int{}), wire.ErrUnsupported},
		{"an answer", frame(t, 129, map[int]int{}), wire.ErrUnsupported},
		{"an empty payload", wire.AppendFrame(nil, 3, nil), work.ErrPayloadMissing},
		{"no CBOR", wire.AppendFrame(nil, 3, []byte("hello")), wire.ErrBadRequest},
		{"a gigabyte", append(huge, 4), wire.ErrTooBig},
		{"more than HELLO may weigh", wire.AppendFrame(nil, 1, make([]byte, 2000)), wire.ErrTooBig},
		{"a wish for nothing", frame(t, 3, work.Wish{Kinds: []work.Kind{work.WASM}}), work.ErrParametersMissing},
		{"a wish of no kind", frame(t, 3, work.Wish{Slots: 1}), work.ErrParametersMissing},
		{"a wish of too many names", frame(t, 3, work.Wish{Slots: 1, Kinds: []work.Kind{work.WASM}, Names: make([]string, 65)}), wire.ErrTooBig},
		{"an owner without a claim", frame(t, 1, map[int]any{1: owner}), work.ErrSecurityInformationMissing},
		{"an owner's key cut short", frame(t, 1, map[int]any{1: owner[:31], 2: claim}), work.ErrInvalidKey},
		{"a claim about another bee", frame(t, 1, map[int]any{1: owner, 2: claim}), work.ErrVerification},
		{"a claim of another owner", frame(t, 1, map[int]any{1: []byte(worktest.Key(8)[32:]), 2: claim}), work.ErrVerification},
		{"a proof of nothing", frame(t, 2, map[int]any{1: work.Proof{}, 2: map[int]int{}}), work.ErrProofOfWork},
		{"a module without a hash", frame(t, 6, map[int][]byte{1: {1, 2}}), work.ErrParametersMissing},
		{"half a frame", frame(t, 3, work.Wish{Slots: 1})[:6], wire.ErrInternal},
	}
	for _, test := range tests {
		if err := raw(t, from, at, test.data); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := worktest.Client(t, 3, at).Beat(t.Context(), make([]work.Beat, 1)); err != nil {
		t.Errorf("after all that, a good one: %v", err)
	}
}

// A bee that leaves while its request waits holds up nothing.
func TestRequestOfAGoneBeeEnds(t *testing.T) {
	f := &fake{waits: true, left: make(chan struct{})}
	c := worktest.Client(t, 2, serve(t, f, nil))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := c.Request(ctx, work.Wish{Slots: 1, Kinds: []work.Kind{work.WASM}, Wait: 20 * time.Second})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	select {
	case <-f.left:
	case <-time.After(10 * time.Second):
		t.Error("the request still waits")
	}
}

// One bee has only so many streams.
func TestTooManyStreams(t *testing.T) {
	f := &fake{waits: true, left: make(chan struct{}, 9)}
	at := serve(t, f, nil)
	from := worktest.Host(t, 2)
	from.Peerstore().AddAddrs(at.ID(), at.Addrs(), peerstore.PermanentAddrTTL)
	for range 4 {
		st, err := from.NewStream(t.Context(), at.ID(), dispatch.ProtocolID(worktest.Mesh))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Write([]byte{0}); err != nil { // it will say more later
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := raw(t, from, at, frame(t, 6, map[int][]byte{1: make([]byte, 32)}))
		if errors.Is(err, wire.ErrBusy) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a fifth stream: %v", err)
		}
	}
}

// A hive that breaks the protocol is found out.
func TestHostileHive(t *testing.T) {
	answers := map[string][]byte{
		"another answer":        frame(t, 131, map[int]int{}),
		"no CBOR":               wire.AppendFrame(nil, 130, []byte{0xff}),
		"more than was asked":   frame(t, 130, work.Batch{Programs: []work.Program{{Kind: work.Inline, Name: "f"}}, Tasks: make([]work.Task, 2)}),
		"no program":            frame(t, 130, work.Batch{Tasks: make([]work.Task, 1)}),
		"a program of no kind":  frame(t, 130, work.Batch{Programs: make([]work.Program, 1), Tasks: make([]work.Task, 1)}),
		"a gigabyte":            append(binary.BigEndian.AppendUint32(nil, 1<<30), 130),
		"a wait of minus hours": frame(t, 130, work.Batch{Retry: -time.Hour}),
		"nothing":               nil,
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			at := worktest.Host(t, 1)
			at.SetStreamHandler(dispatch.ProtocolID(worktest.Mesh), func(st network.Stream) {
				_, _, _ = wire.ReadFrame(st, 1<<20)
				_, _ = st.Write(answer)
				_ = st.Close()
			})
			c := worktest.Client(t, 2, at)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := c.Request(ctx, work.Wish{Slots: 1, Kinds: []work.Kind{work.Inline}})
			if err == nil || ctx.Err() != nil || (answer != nil && !errors.Is(err, dispatch.ErrProtocol) && !errors.Is(err, wire.ErrTooLarge)) {
				t.Errorf("%v", err)
			}
		})
	}
}
