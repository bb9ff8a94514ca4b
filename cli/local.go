package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

// busyWait is how long a command waits for a node that holds the home and does
// not answer yet, or is about to let go.
const (
	busyWait  = 10 * time.Second
	busyRetry = 50 * time.Millisecond
)

// maxNodes bounds how many nodes may end under one command.
const maxNodes = 16

// ask runs use with a client of the home's node: the one that runs, else one
// in this process for as long as use takes. A node that ends meanwhile, because
// it was another command's, is replaced, unless the work cannot be begun again.
func (s *session) ask(ctx context.Context, again bool, use func(context.Context, *control.Client) error) error {
	for tries := 1; ; tries++ {
		own, err := s.askOnce(ctx, use)
		if own || !again || !nodeEnded(err) || tries == maxNodes {
			return err
		}
	}
}

// askOnce tells whether the node was in this process.
func (s *session) askOnce(ctx context.Context, use func(context.Context, *control.Client) error) (own bool, err error) {
	deadline := time.NewTimer(busyWait)
	defer deadline.Stop()
	retry := time.NewTicker(busyRetry)
	defer retry.Stop()
	for {
		if answers(ctx, node.SocketPath(s.home)) {
			return false, s.askRunning(ctx, use)
		}
		var busy *node.HomeBusy
		err := s.askOwn(ctx, use)
		if !errors.As(err, &busy) {
			return true, err
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-deadline.C:
			return false, err
		case <-retry.C:
		}
	}
}

// nodeEnded tells whether an error means that the node is no more.
func nodeEnded(err error) bool {
	var e *control.Error
	return errors.As(err, &e) && (e.Code == "E1001" || e.Code == "E1002" || e.Code == "E1003")
}

// answers tells whether somebody listens on a socket.
func answers(ctx context.Context, socket string) bool {
	if socket == "" {
		return false
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func (s *session) askRunning(ctx context.Context, use func(context.Context, *control.Client) error) error {
	client := control.Dial(node.SocketPath(s.home))
	defer client.Close()
	if s.mesh != "" {
		status, err := client.Status(ctx)
		if err != nil {
			return err
		}
		if status.Mesh != s.mesh {
			return usage(62, "the node of this home is in the mesh %q, not in %q", status.Mesh, s.mesh).
				Because("a node is in one mesh").Try("use another home for that mesh: --home DIR")
		}
	}
	return use(ctx, client)
}

// askOwn runs a node until use returns. The node outlives ctx, so that the
// work is told first.
func (s *session) askOwn(ctx context.Context, use func(context.Context, *control.Client) error) error {
	config, err := s.config()
	if err != nil {
		return err
	}
	config.Client = true
	holdHeap()
	n, err := node.New(ctx, config)
	if err != nil {
		return err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- n.Run(life, func() { close(ready) }) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		end()
		<-ended
		return context.Cause(ctx)
	case <-ready:
	}
	client := control.Dial(node.SocketPath(s.home))
	err = use(ctx, client)
	client.Close()
	end()
	if broken := <-ended; broken != nil && (err == nil || nodeEnded(err)) {
		return broken
	}
	return err
}

// running returns a client of the node that runs on the home, or E1001.
func (s *session) running(ctx context.Context) (*control.Client, error) {
	socket := node.SocketPath(s.home)
	if !answers(ctx, socket) {
		return nil, needsNode(s.home)
	}
	return control.Dial(socket), nil
}

// peerID reads the home's peer id without starting a node.
func peerID(home string) (string, error) {
	data, err := os.ReadFile(filepath.Join(home, "identity.key"))
	if errors.Is(err, os.ErrNotExist) {
		return "", control.NewError(control.ExitNotFound, 52, "the home has no identity yet").
			Because("a node makes it when it first starts in %s", home).Try("batchain node", "batchain join")
	} else if err != nil {
		return "", err
	}
	key, err := crypto.UnmarshalPrivateKey(data)
	if err != nil {
		return "", fmt.Errorf("identity: %w: %w", node.ErrKeyDamaged, err)
	}
	id, err := peer.IDFromPrivateKey(key)
	return id.String(), err
}

// commandHeap is the memory, in bytes, that Go may take for the length of one
// command, beside the segment buffers, which are not Go's. A put on 22 hosts
// lives in 40 MiB; without a limit the collector lets it have twice as much.
const commandHeap = 56 << 20

// holdHeap sets the limit, unless GOMEMLIMIT did.
func holdHeap() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(commandHeap)
	}
}
