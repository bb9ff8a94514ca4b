package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// Client asks the node behind a socket. It is safe for concurrent use.
type Client struct {
	socket string
	http   *http.Client
}

var _ Backend = (*Client)(nil)

// Dial returns a client of the node behind a unix socket. It connects with the
// first request; then a socket without a node gives E1001.
func Dial(socket string) *Client {
	var dialer net.Dialer
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
		ReadBufferSize:     256 << 10, // a trailer must fit
		WriteBufferSize:    256 << 10,
	}}}
}

// Close ends idle connections. Requests under way go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Put stores a file; see [Backend]. body is read until it ends or the put does,
// and a read that is under way may outlive the call.
func (c *Client) Put(ctx context.Context, req PutRequest, body io.Reader, emit func(Progress)) (PutResult, error) {
	return follow[PutResult](c, ctx, "/v1/put", req, body, emit)
}

// Get brings a file back; see [Backend].
func (c *Client) Get(ctx context.Context, req GetRequest, out io.Writer, emit func(Progress)) (GetResult, error) {
	if req.Output != "" {
		return follow[GetResult](c, ctx, "/v1/get", req, nil, emit)
	}
	resp, err := c.post(ctx, "/v1/get", req, nil)
	if err != nil {
		return GetResult{}, err
	}
	defer resp.Body.Close()
	res, err := copyRaw(resp, out, emit)
	return res, c.explain(ctx, err)
}

// Remove deletes a file; see [Backend].
func (c *Client) Remove(ctx context.Context, req RemoveRequest, emit func(Progress)) (RemoveResult, error) {
	return follow[RemoveResult](c, ctx, "/v1/remove", req, nil, emit)
}

// Status tells how the node is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask[Status](c, ctx, "/v1/status")
}

// Peers lists the peers that the node knows.
func (c *Client) Peers(ctx context.Context) ([]Peer, error) {
	return ask[[]Peer](c, ctx, "/v1/peers")
}

// Open returns the answer to a GET of any path, such as /metrics or /events.
// The caller closes it.
func (c *Client) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	resp, err := c.do(r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func ask[T any](c *Client, ctx context.Context, path string) (T, error) {
	var answer T
	body, err := c.Open(ctx, path)
	if err != nil {
		return answer, err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(&answer); err != nil {
		return answer, c.explain(ctx, err)
	}
	return answer, nil
}

// post sends a request line, then body. The connection is not kept when there
// is a body: nobody knows how much of it was read.
func (c *Client) post(ctx context.Context, path string, req any, body io.Reader) (*http.Response, error) {
	line, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("post %s: %w", path, err)
	}
	line = append(line, '\n')
	var in io.Reader = bytes.NewReader(line)
	if body != nil {
		in = io.MultiReader(in, body)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node"+path, in)
	if err != nil {
		return nil, fmt.Errorf("post %s: %w", path, err)
	}
	return c.do(r)
}

// do sends a request and turns a refusal into its error.
func (c *Client) do(r *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.explain(r.Context(), err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxLine))
	if err != nil {
		return nil, c.explain(r.Context(), err)
	}
	told := new(Error)
	if json.Unmarshal(text, told) != nil || told.Code == "" {
		return nil, NewError(ExitConfig, 21, "the node does not know %s", r.URL.Path).
			Because("it answered %s", resp.Status).Try("restart the node")
	}
	return nil, told
}

// follow sends a request and reads the stream that answers it.
func follow[T any](c *Client, ctx context.Context, path string, req any, body io.Reader, emit func(Progress)) (T, error) {
	var res T
	resp, err := c.post(ctx, path, req, body)
	if err != nil {
		return res, err
	}
	defer resp.Body.Close()
	in := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := readLine(in, maxLine)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return res, c.explain(ctx, err)
		}
		last, err := take(line, &res, emit)
		if last || err != nil {
			return res, err
		}
	}
}

// take acts on one line of a stream and tells whether it was the last.
func take(line []byte, res any, emit func(Progress)) (last bool, err error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return true, NewError(ExitUnclassified, 21, "the node's answer makes no sense: %w", err)
	}
	switch head.Type {
	case "progress":
		var p Progress
		if err := json.Unmarshal(line, &p); err != nil {
			return true, NewError(ExitUnclassified, 21, "the node's answer makes no sense: %w", err)
		}
		emit(p)
		return false, nil
	case "result":
		return true, json.Unmarshal(line, res)
	case "error":
		told := new(Error)
		if err := json.Unmarshal(line, told); err != nil {
			return true, NewError(ExitUnclassified, 21, "the node's answer makes no sense: %w", err)
		}
		return true, told
	}
	return false, nil // a kind that a later version added
}

// explain says what a broken request means: this side ended it, there is no
// node, or it went away.
func (c *Client) explain(ctx context.Context, err error) error {
	var own *outputError
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("ask node: %w", context.Cause(ctx))
	case errors.As(err, new(*Error)) || errors.As(err, &own):
		return err
	case errors.As(err, &op) && op.Op == "dial":
		return NewError(ExitNeedsNode, 1, "no node is running on this home").
			Because("nobody answers on %s", c.socket).Wrap(err).Try("batchain node")
	}
	return NewError(ExitNeedsNode, 3, "the node went away before this was done").Wrap(err).
		Try("start the node again and repeat the command: what is finished is kept")
}
