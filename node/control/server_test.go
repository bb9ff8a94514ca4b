package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/node/control"
)

var everything = control.PutRequest{
	Path: "/data/a b\n\"ü\".tar", Name: "naïve <name>", Scheme: "8+12", Durability: "archive", Hosts: []string{"one", "two"},
	AllowColocate: true, Expires: 36 * time.Hour, Manifest: "/m", BandwidthLimit: 1 << 40, Size: 1<<62 + 1,
}

func TestPutOfAPath(t *testing.T) {
	want := control.PutResult{ID: "id", Name: "n", Size: 1<<62 + 1, Manifest: "/m", Scheme: "8+12", Hosts: 20, Segments: 64, BytesSent: 5, Seconds: 1.5, Shortfall: "two hosts"}
	steps := []control.Progress{{Phase: "ask", Total: -1}, {Phase: "place", Done: 1, Total: 2, Note: "slow"}, {Phase: "place", Done: 2, Total: 2}}
	n := serve(t, control.NewServer(&fake{put: func(_ context.Context, req control.PutRequest, body io.Reader, emit func(control.Progress)) (control.PutResult, error) {
		if !reflect.DeepEqual(req, everything) {
			t.Errorf("request %+v", req)
		}
		if body != nil {
			t.Error("a path came with a body")
		}
		for _, p := range steps {
			emit(p)
		}
		return want, nil
	}}, nil))
	var seen []control.Progress
	got, err := n.Put(t.Context(), everything, nil, func(p control.Progress) { seen = append(seen, p) })
	if err != nil || got != want {
		t.Errorf("Put: %+v, %v", got, err)
	}
	if !reflect.DeepEqual(seen, steps) {
		t.Errorf("progress %+v", seen)
	}
}

// The answer begins while the request is still being sent: both directions of
// one exchange are open at once.
func TestPutOfStdinIsDuplex(t *testing.T) {
	data := randomBytes(3<<20 + 17)
	n := serve(t, control.NewServer(&fake{put: func(_ context.Context, req control.PutRequest, body io.Reader, emit func(control.Progress)) (control.PutResult, error) {
		half := make([]byte, len(data)/2)
		if _, err := io.ReadFull(body, half); err != nil {
			return control.PutResult{}, err
		}
		emit(control.Progress{Phase: "half", Done: int64(len(half)), Total: -1})
		rest, err := io.ReadAll(body)
		if !bytes.Equal(append(half, rest...), data) {
			t.Error("other bytes arrived")
		}
		return control.PutResult{Name: req.Name, Size: int64(len(half) + len(rest))}, err
	}}, nil))
	in, feed := io.Pipe()
	go feed.Write(data[:len(data)/2])
	got, err := n.Put(t.Context(), control.PutRequest{Name: "-", Size: -1}, in, func(p control.Progress) {
		if p.Phase == "half" {
			go func() { // only now, and only because of the answer
				feed.Write(data[len(data)/2:])
				feed.Close()
			}()
		}
	})
	if err != nil || got.Size != int64(len(data)) {
		t.Errorf("Put: %+v, %v", got, err)
	}
}

// An early refusal arrives although the sender has far more to say, and the
// sender stops.
func TestPutOfStdinRefusedEarly(t *testing.T) {
	n := serve(t, control.NewServer(&fake{put: func(_ context.Context, _ control.PutRequest, body io.Reader, _ func(control.Progress)) (control.PutResult, error) {
		_, err := io.ReadFull(body, make([]byte, 1000))
		return control.PutResult{}, errors.Join(err, control.NewError(6, 1, "no room"))
	}}, nil))
	for range 20 {
		_, err := n.Put(t.Context(), control.PutRequest{Size: -1}, endless{}, ignore)
		if told := control.AsError(err); told == nil || told.Code != "E0601" {
			t.Fatalf("Put: %v", err)
		}
	}
}

// A sender that breaks off is never taken for the end of the file.
func TestBrokenStdinIsNoEndOfFile(t *testing.T) {
	read := make(chan error, 1)
	n := serve(t, control.NewServer(&fake{put: func(_ context.Context, _ control.PutRequest, body io.Reader, _ func(control.Progress)) (control.PutResult, error) {
		_, err := io.Copy(io.Discard, body)
		read <- err
		return control.PutResult{}, err
	}}, nil))
	broken := errors.New("disk on fire")
	in := io.MultiReader(strings.NewReader("some of it"), failing{broken})
	if _, err := n.Put(t.Context(), control.PutRequest{Size: -1}, in, ignore); err == nil {
		t.Error("Put succeeded")
	}
	if err := <-read; err == nil {
		t.Error("the node saw a whole file")
	}
}

func TestCancelReachesTheWork(t *testing.T) {
	for name, body := range map[string]io.Reader{"path": nil, "stdin": endless{}} {
		t.Run(name, func(t *testing.T) {
			begun, ended := make(chan struct{}), make(chan error, 1)
			server := control.NewServer(&fake{put: func(ctx context.Context, req control.PutRequest, _ io.Reader, _ func(control.Progress)) (control.PutResult, error) {
				close(begun)
				<-ctx.Done()
				ended <- ctx.Err()
				return control.PutResult{}, ctx.Err()
			}}, nil)
			server.Beat = time.Millisecond // it is what notices with bytes of the request unread
			n := serve(t, server)
			ctx, cancel := context.WithCancelCause(t.Context())
			cause := errors.New("ctrl-c")
			go func() { <-begun; cancel(cause) }()
			req := control.PutRequest{Size: -1}
			if body == nil {
				req.Path = "/x"
			}
			if _, err := n.Put(ctx, req, body, ignore); !errors.Is(err, cause) {
				t.Errorf("Put: %v", err)
			}
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the work saw %v", err)
			}
		})
	}
}

// The last progress line comes again and again while the work waits.
func TestBeat(t *testing.T) {
	release := make(chan struct{})
	server := control.NewServer(&fake{put: func(ctx context.Context, _ control.PutRequest, _ io.Reader, emit func(control.Progress)) (control.PutResult, error) {
		emit(control.Progress{Phase: "wait", Done: 7, Total: 9})
		<-release
		return control.PutResult{}, nil
	}}, nil)
	server.Beat = time.Millisecond
	n := serve(t, server)
	beats := 0
	_, err := n.Put(t.Context(), control.PutRequest{Path: "/x"}, nil, func(p control.Progress) {
		if p.Phase != "start" && p != (control.Progress{Phase: "wait", Done: 7, Total: 9}) {
			t.Errorf("progress %+v", p)
		}
		if beats++; beats == 5 {
			close(release)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// Whatever the work makes of its end, the asker is told that the node ended, and
// may ask the next one.
func TestEndingTellsTheAsker(t *testing.T) {
	cases := map[string]func(ctx context.Context, read error) error{
		"the context's error": func(ctx context.Context, _ error) error { return fmt.Errorf("put: %w", ctx.Err()) },
		"its cause":           func(ctx context.Context, _ error) error { return fmt.Errorf("put: %w", context.Cause(ctx)) },
		"the read's error":    func(_ context.Context, read error) error { return fmt.Errorf("put: %w", read) },
		"an error of its own": func(ctx context.Context, _ error) error { return control.NewError(6, 1, "no hosts").Wrap(ctx.Err()) },
	}
	for name, end := range cases {
		t.Run(name, func(t *testing.T) {
			begun := make(chan struct{})
			n := serve(t, control.NewServer(&fake{put: func(ctx context.Context, _ control.PutRequest, body io.Reader, _ func(control.Progress)) (control.PutResult, error) {
				close(begun)
				_, err := io.Copy(io.Discard, body) // idle: only the end of the server ends it
				return control.PutResult{}, end(ctx, err)
			}}, nil))
			in, feed := io.Pipe()
			defer feed.Close()
			go func() {
				<-begun
				if err := n.stop(); err != nil {
					t.Errorf("Serve: %v", err)
				}
			}()
			_, err := n.Put(t.Context(), control.PutRequest{Size: -1}, in, ignore)
			if told := control.AsError(err); told == nil || told.Code != "E1002" {
				t.Errorf("Put: %v", err)
			}
		})
	}
}

func TestGetOfBytes(t *testing.T) {
	data := randomBytes(5<<20 + 3)
	want := control.GetResult{ID: "id", Name: "naïve\n", Size: int64(len(data)), BytesReceived: 7}
	for _, size := range []int{0, 1, len(data)} {
		n := serve(t, control.NewServer(&fake{get: func(_ context.Context, req control.GetRequest, out io.Writer, emit func(control.Progress)) (control.GetResult, error) {
			emit(control.Progress{Phase: "get", Total: int64(size)})
			_, err := out.Write(data[:size])
			return want, err
		}}, nil))
		var out bytes.Buffer
		var last control.Progress
		got, err := n.Get(t.Context(), control.GetRequest{Ref: "/m"}, &out, func(p control.Progress) { last = p })
		if err != nil || got != want || !bytes.Equal(out.Bytes(), data[:size]) {
			t.Errorf("%d bytes: %+v, %v, %d arrived", size, got, err, out.Len())
		}
		if size > 0 && (last.Done != int64(size) || last.Total != int64(size)) {
			t.Errorf("last progress %+v", last)
		}
	}
}

func TestGetOfBytesFails(t *testing.T) {
	long := control.NewError(9, 1, "%s", strings.Repeat("\x01", 1<<20)).Because("%s", strings.Repeat("é", 1<<20)).Try("hint")
	cases := map[string]struct {
		get  func(out io.Writer) error
		code string
	}{
		"before the first byte": {func(io.Writer) error { return control.NewError(4, 1, "gone") }, "E0401"},
		"after it":              {func(out io.Writer) error { out.Write([]byte("some")); return long }, "E0901"},
		"by a panic":            {func(out io.Writer) error { out.Write([]byte("some")); panic("secret") }, "E0120"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := serve(t, control.NewServer(&fake{get: func(_ context.Context, _ control.GetRequest, out io.Writer, _ func(control.Progress)) (control.GetResult, error) {
				return control.GetResult{}, c.get(out)
			}}, nil))
			_, err := n.Get(t.Context(), control.GetRequest{Ref: "/m"}, io.Discard, ignore)
			told := control.AsError(err)
			if told == nil || told.Code != c.code || strings.Contains(err.Error(), "secret") {
				t.Errorf("Get: %.200v", err)
			}
		})
	}
}

func TestGetToAClosedPipe(t *testing.T) {
	ended := make(chan error, 1)
	n := serve(t, control.NewServer(&fake{get: func(ctx context.Context, _ control.GetRequest, out io.Writer, _ func(control.Progress)) (control.GetResult, error) {
		_, err := io.Copy(out, endless{})
		ended <- err
		return control.GetResult{}, err
	}}, nil))
	_, err := n.Get(t.Context(), control.GetRequest{Ref: "/m"}, failing{io.ErrClosedPipe}, ignore)
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Get: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("an endless file came to its end")
	}
}

func TestErrorsTravel(t *testing.T) {
	cases := map[string]struct {
		err  error
		want control.Error
	}{
		"own": {
			fmt.Errorf("put x: %w", control.NewError(6, 1, "20 hosts are needed").Because("9 are known").Try("a", "b").Wrap(errors.New("chain"))),
			control.Error{Code: "E0601", Exit: 6, Message: "20 hosts are needed", Why: "9 are known", Hints: []string{"a", "b"}, Detail: "chain"},
		},
		"foreign": {
			fmt.Errorf("outer: %w", errors.New("inner")),
			control.Error{Code: "E0100", Exit: 1, Message: "this did not work", Why: "inner", Hints: []string{}, Detail: "outer: inner"},
		},
		"three digits": {control.NewError(130, 1, "x"), control.Error{Code: "E13001", Exit: 130, Message: "x", Hints: []string{}}},
		"deadline": {
			fmt.Errorf("a: %w", context.DeadlineExceeded),
			control.Error{Code: "E0501", Exit: 5, Message: "the time allowed was not enough", Hints: []string{}, Detail: "a: context deadline exceeded"},
		},
		"cancelled by itself": {
			fmt.Errorf("a: %w", context.Canceled),
			control.Error{Code: "E0100", Exit: 1, Message: "this did not work", Why: "a part of the node gave up", Hints: []string{}, Detail: "a: context canceled"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := serve(t, control.NewServer(&fake{
				put: func(context.Context, control.PutRequest, io.Reader, func(control.Progress)) (control.PutResult, error) {
					return control.PutResult{}, c.err
				},
				status: func(context.Context) (control.Status, error) { return control.Status{}, c.err },
			}, nil))
			_, streamed := n.Put(t.Context(), control.PutRequest{Path: "/x"}, nil, ignore)
			_, asked := n.Status(t.Context())
			for _, err := range []error{streamed, asked} {
				if got := control.AsError(err); got == nil || !reflect.DeepEqual(*got, c.want) {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
}

func TestPanicKeepsItsText(t *testing.T) {
	n := serve(t, control.NewServer(&fake{}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") })))
	_, err := n.Remove(t.Context(), control.RemoveRequest{}, ignore)
	if told := control.AsError(err); told == nil || told.Code != "E0120" || strings.Contains(fmt.Sprintf("%+v", told), "nil pointer") {
		t.Errorf("Remove: %+v", told)
	}
	if _, err := n.Open(t.Context(), "/metrics"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("Open: %v", err)
	}
	if _, err := n.Status(t.Context()); control.AsError(err).Code != "E0120" {
		t.Errorf("Status: %v", err)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	n := serve(t, control.NewServer(&fake{}, nil))
	_, err := n.Put(t.Context(), control.PutRequest{Path: strings.Repeat("x", 70<<10)}, nil, ignore)
	if told := control.AsError(err); told == nil || told.Exit != control.ExitUsage {
		t.Errorf("Put: %v", err)
	}
	conn, err := net.Dial("unix", n.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"path":"/x","not_known":true}`
	fmt.Fprintf(conn, "POST /v1/put HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), `"code":"E1320"`) {
		t.Errorf("a field nobody knows: %s %v", answer, err)
	}
}

func TestLongLines(t *testing.T) {
	peers := make([]string, 40_000)
	for i := range peers {
		peers[i] = fmt.Sprintf("12D3KooW%044d", i)
	}
	n := serve(t, control.NewServer(&fake{remove: func(_ context.Context, req control.RemoveRequest, emit func(control.Progress)) (control.RemoveResult, error) {
		emit(control.Progress{Phase: "remove", Note: strings.Repeat("n", 10<<20)})
		if req.Ref == "fit" {
			return control.RemoveResult{Unreached: peers}, nil
		}
		return control.RemoveResult{Unreached: append(peers, peers...)}, nil
	}}, nil))
	res, err := n.Remove(t.Context(), control.RemoveRequest{Ref: "fit"}, func(p control.Progress) {
		if len(p.Note) > 1<<10 {
			t.Errorf("note of %d bytes", len(p.Note))
		}
	})
	if err != nil || len(res.Unreached) != len(peers) {
		t.Errorf("%d peers, %v", len(res.Unreached), err)
	}
	if _, err := n.Remove(t.Context(), control.RemoveRequest{}, ignore); err == nil {
		t.Error("a line of more than 4 MiB was taken")
	}
}

func TestStatusPeersAndTheRest(t *testing.T) {
	status := control.Status{PeerID: "p", Addrs: []string{"/ip4/127.0.0.1/tcp/1/p2p/p"}, Mesh: "main", UptimeS: 1.5, Reachability: "private", Capacity: 5, Used: 4, Shards: 3, Peers: 2, Version: "v"}
	n := serve(t, control.NewServer(&fake{
		status: func(context.Context) (control.Status, error) { return status, nil },
		peers:  func(context.Context) ([]control.Peer, error) { return nil, nil },
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })))
	if got, err := n.Status(t.Context()); err != nil || !reflect.DeepEqual(got, status) {
		t.Errorf("Status: %+v, %v", got, err)
	}
	if got, err := n.Peers(t.Context()); err != nil || got == nil || len(got) != 0 {
		t.Errorf("Peers: %+v, %v", got, err)
	}
	body, err := n.Open(t.Context(), "/debug/pprof/heap")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if text, _ := io.ReadAll(body); string(text) != "/debug/pprof/heap" {
		t.Errorf("extra handler saw %q", text)
	}
}

func TestNobodyThere(t *testing.T) {
	c := control.Dial(t.TempDir() + "/none.sock")
	defer c.Close()
	_, err := c.Status(t.Context())
	if told := control.AsError(err); told == nil || told.Code != "E1001" {
		t.Errorf("Status: %v", err)
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	seed := rand.NewChaCha8([32]byte{1})
	seed.Read(b)
	return b
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }
