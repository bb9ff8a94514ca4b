package control_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/batchain/batchain/node/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a backend of functions; one that is nil must not be called.
type fake struct {
	control.Backend
	put    func(context.Context, control.PutRequest, io.Reader, func(control.Progress)) (control.PutResult, error)
	get    func(context.Context, control.GetRequest, io.Writer, func(control.Progress)) (control.GetResult, error)
	remove func(context.Context, control.RemoveRequest, func(control.Progress)) (control.RemoveResult, error)
	status func(context.Context) (control.Status, error)
	peers  func(context.Context) ([]control.Peer, error)
}

func (f *fake) Put(ctx context.Context, req control.PutRequest, body io.Reader, emit func(control.Progress)) (control.PutResult, error) {
	return f.put(ctx, req, body, emit)
}

func (f *fake) Get(ctx context.Context, req control.GetRequest, out io.Writer, emit func(control.Progress)) (control.GetResult, error) {
	return f.get(ctx, req, out, emit)
}

func (f *fake) Remove(ctx context.Context, req control.RemoveRequest, emit func(control.Progress)) (control.RemoveResult, error) {
	return f.remove(ctx, req, emit)
}

func (f *fake) Status(ctx context.Context) (control.Status, error) { return f.status(ctx) }
func (f *fake) Peers(ctx context.Context) ([]control.Peer, error)  { return f.peers(ctx) }

// node is a served backend; stop ends it and waits.
type node struct {
	*control.Client
	socket string
	stop   func() error
}

// serve serves a backend on a unix socket until the test ends.
func serve(t *testing.T, server *control.Server) *node {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "control.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, ln) }()
	n := &node{Client: control.Dial(socket), socket: socket}
	n.stop = func() error {
		cancel()
		err := <-ended
		ended <- nil
		return err
	}
	t.Cleanup(func() {
		n.Close()
		if err := n.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return n
}

func ignore(control.Progress) {}
