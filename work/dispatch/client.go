package dispatch

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// ClientConfig is what a [Client] needs. Host, Mesh and Hive must be set.
type ClientConfig struct {
	Host  host.Host
	Mesh  string
	Hive  peer.ID            // whom to ask; the host must know its addresses
	Owner ed25519.PrivateKey // of the person whose bee this is; nil: nobody is named

	Open    time.Duration // for dialling and negotiation; 15 s
	Session time.Duration // that a call may stand still; 30 s
}

// Client asks one hive for one bee. It proves its work when the hive wants it
// to, and its errors are those of package work, of wire, or [ErrProtocol].
type Client struct {
	cfg  ClientConfig
	door sync.Mutex // held while the bee makes itself known
}

// NewClient returns a client; it asks nothing before it is called.
func NewClient(cfg ClientConfig) *Client {
	cfg.Open = cmp.Or(cfg.Open, 15*time.Second)
	cfg.Session = cmp.Or(cfg.Session, 30*time.Second)
	return &Client{cfg: cfg}
}

// Request asks for tasks, see [work.Wish]. It may solve a challenge first.
func (c *Client) Request(ctx context.Context, wish work.Wish) (batch work.Batch, err error) {
	wait := min(max(0, wish.Wait), work.MaxWait)
	err = c.known(ctx, func() error {
		batch = work.Batch{}
		return c.call(ctx, wait, opRequest, wish, ansWork, maxWork, &batch)
	})
	if err == nil && (len(batch.Tasks) > int(wish.Slots) || batch.Retry < 0) {
		err = fmt.Errorf("%w: %d tasks, %d were asked for", ErrProtocol, len(batch.Tasks), wish.Slots)
	}
	for _, t := range batch.Tasks {
		if err == nil && (int(t.Program) >= len(batch.Programs) || batch.Programs[t.Program].Validate() != nil) {
			err = fmt.Errorf("%w: a task without a program", ErrProtocol)
		}
	}
	return batch, wrap("request", c.cfg.Hive, err)
}

// Submit hands in results; see the hive's Submit for the verdicts.
func (c *Client) Submit(ctx context.Context, results []work.Result) (verdicts []error, err error) {
	var m verdictsMessage
	err = c.known(ctx, func() error {
		return c.call(ctx, 0, opSubmit, submitMessage{results}, ansVerdicts, maxBeats, &m)
	})
	if err == nil && len(m.Codes) != len(results) {
		err = fmt.Errorf("%w: %d verdicts about %d results", ErrProtocol, len(m.Codes), len(results))
	}
	if err != nil {
		return nil, wrap("submit", c.cfg.Hive, err)
	}
	for _, code := range m.Codes {
		var verdict error
		if code != 0 {
			verdict = work.FromWire(&wire.Error{Code: code})
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts, nil
}

// Beat renews leases.
func (c *Client) Beat(ctx context.Context, beats []work.Beat) ([]work.Order, error) {
	var m ordersMessage
	err := c.known(ctx, func() error {
		return c.call(ctx, 0, opBeat, beatMessage{beats}, ansOrders, maxBeats, &m)
	})
	if err == nil && len(m.Orders) != len(beats) {
		err = fmt.Errorf("%w: %d orders for %d tasks", ErrProtocol, len(m.Orders), len(beats))
	}
	return m.Orders, wrap("beat", c.cfg.Hive, err)
}

// Module fetches a module and returns it once it is known to be the one with
// that hash.
func (c *Client) Module(ctx context.Context, hash [sha256.Size]byte) ([]byte, error) {
	var m bytesMessage
	var module []byte
	err := c.with(ctx, 0, opModule, moduleMessage{hash[:]}, func(st network.Stream) error {
		if err := readAnswer(st, ansModule, maxSmall, &m); err != nil {
			return err
		}
		if m.Length > MaxModule {
			return fmt.Errorf("%w: a module of %d bytes", ErrProtocol, m.Length)
		}
		_ = st.SetReadDeadline(time.Now().Add(c.cfg.Session + time.Duration(m.Length/moduleRate)*time.Second))
		module = make([]byte, m.Length)
		_, err := io.ReadFull(st, module)
		return err
	})
	if err == nil && sha256.Sum256(module) != hash {
		err = fmt.Errorf("%w: another module came", ErrProtocol)
	}
	if err != nil {
		return nil, wrap("module", c.cfg.Hive, err)
	}
	return module, nil
}

func wrap(op string, hive peer.ID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s at hive %s: %w", op, hive, err)
}

// known makes a call, and once more after the bee has made itself known when
// the hive wants that.
func (c *Client) known(ctx context.Context, call func() error) error {
	err := call()
	if !errors.Is(err, work.ErrNotVerified) {
		return err
	}
	if err := c.introduce(ctx); err != nil {
		return err
	}
	return call()
}

// introduce makes the bee known to the hive.
func (c *Client) introduce(ctx context.Context) error {
	c.door.Lock()
	defer c.door.Unlock()
	hello, err := claim(c.cfg.Owner, c.cfg.Mesh, c.cfg.Host.ID())
	if err != nil {
		return err
	}
	var m welcomeMessage
	if err := c.call(ctx, 0, opHello, hello, ansWelcome, maxSmall, &m); err != nil {
		return err
	}
	if m.Challenge == nil {
		return nil
	}
	proof, err := m.Challenge.Solve(ctx, c.cfg.Hive, c.cfg.Host.ID())
	if err != nil {
		return err
	}
	return c.call(ctx, 0, opProve, proveMessage{proof, hello}, ansWelcome, maxSmall, &m)
}

// call makes one request and reads its answer.
func (c *Client) call(ctx context.Context, wait time.Duration, op byte, request any, answer byte, most int, into any) error {
	return c.with(ctx, wait, op, request, func(st network.Stream) error { return readAnswer(st, answer, most, into) })
}

// with makes one request on a stream of its own.
func (c *Client) with(ctx context.Context, wait time.Duration, op byte, request any, read func(network.Stream) error) error {
	dialling, cancel := context.WithTimeout(ctx, c.cfg.Open)
	defer cancel()
	st, err := c.cfg.Host.NewStream(dialling, c.cfg.Hive, ProtocolID(c.cfg.Mesh))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	_ = st.SetDeadline(time.Now().Add(wait + c.cfg.Session))
	if err = wire.WriteMessage(st, op, request); err == nil {
		err = read(st)
	}
	if err != nil {
		_ = st.Reset()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return work.FromWire(err)
	}
	return st.Close()
}
