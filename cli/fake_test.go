package cli_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

// fakeNode does what the name of a file says: exitN fails with that code, short
// ends with a shortfall, hang and stall wait to be cancelled. called has a token
// for each hang that began.
type fakeNode struct{ called chan struct{} }

var errHung = errors.New("nobody cancelled it")

func (f *fakeNode) act(ctx context.Context, name string) error {
	if code, err := strconv.Atoi(strings.TrimPrefix(name, "exit")); err == nil {
		if code == control.ExitUnclassified {
			return fmt.Errorf("outer: %w", errors.New("inner"))
		}
		return control.NewError(code, 1, "told to end with %d", code).Because("the file is called %s", name).Try("another name").Wrap(errors.New("a chain"))
	}
	switch name {
	case "hang":
		f.called <- struct{}{}
	case "stall":
	default:
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return errHung
	}
}

func (f *fakeNode) Put(ctx context.Context, req control.PutRequest, body io.Reader, emit func(control.Progress)) (control.PutResult, error) {
	emit(control.Progress{Phase: "place", Done: 50, Total: 100, Note: "a note for people"})
	if err := f.act(ctx, req.Name); err != nil {
		return control.PutResult{}, err
	}
	res := control.PutResult{ID: "abcdefghijklmnopqrstuvwxyz", Name: req.Name, Manifest: "/home/m.batchain", Scheme: "4+4", Hosts: 8, Segments: 1, BytesSent: 8}
	if body != nil {
		data, err := io.ReadAll(body)
		if err != nil {
			return res, err
		}
		res.Size = int64(len(data))
	} else if info, err := os.Stat(req.Path); err == nil {
		res.Size = info.Size()
	}
	emit(control.Progress{Phase: "place", Done: res.Size, Total: res.Size, Note: "a note for people"})
	if req.Name == "short" {
		res.Shortfall = "7 of 8 shards are placed"
	}
	return res, nil
}

func (f *fakeNode) Get(ctx context.Context, req control.GetRequest, out io.Writer, emit func(control.Progress)) (control.GetResult, error) {
	name, err := nameIn(req.Ref)
	if err == nil {
		err = f.act(ctx, name)
	}
	if err != nil {
		return control.GetResult{}, err
	}
	emit(control.Progress{Phase: "get", Done: 6, Total: 6})
	if out == nil {
		err = os.WriteFile(req.Output, []byte("bytes\n"), 0o600)
	} else {
		_, err = io.WriteString(out, "bytes\n")
	}
	return control.GetResult{ID: "i", Name: name, Path: req.Output, Size: 6, BytesReceived: 12}, err
}

func (f *fakeNode) Remove(ctx context.Context, req control.RemoveRequest, _ func(control.Progress)) (control.RemoveResult, error) {
	name, err := nameIn(req.Ref)
	if err == nil {
		err = f.act(ctx, name)
	}
	res := control.RemoveResult{ID: "i", Name: name, Hosts: 2, Deleted: 8}
	if name == "short" {
		res.Unreached, res.Noted = []string{"12D3one"}, true
	}
	return res, err
}

func (f *fakeNode) Status(context.Context) (control.Status, error) {
	return control.Status{PeerID: "12D3fake", Addrs: []string{"/ip4/127.0.0.1/tcp/1/p2p/12D3fake"}, Mesh: "main", UptimeS: 61, Reachability: "loopback", Capacity: 1 << 30, Used: 1 << 20, Shards: 3, Peers: 1, Version: "dev",
		Members: map[string]int{"live": 1, "dead": 2}}, nil
}

func (f *fakeNode) Peers(context.Context) ([]control.Peer, error) {
	return []control.Peer{{PeerID: "12D3other", State: "live", Phi: 0.25, AgeS: 0.8, Path: "direct", RTTms: 1.5, Free: 1 << 30, Agent: "batchain/dev"}}, nil
}

func nameIn(manifest string) (string, error) {
	src, err := os.Open(manifest)
	if err != nil {
		return "", err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return "", err
	}
	m, err := shard.OpenManifest(src, info.Size())
	if err != nil {
		return "", err
	}
	return m.Private.Name, nil
}

// writeManifest puts the manifest of an invented file of one segment into a
// folder, and returns its path. repair leaves out the key that reads.
func writeManifest(folder, name string) (string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	id := shard.NewFileID()
	path := filepath.Join(folder, id.String()+".batchain")
	out, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer out.Close()
	scheme := shard.Scheme{Data: 1, Parity: 1}
	w, err := shard.NewManifestWriter(out, shard.Seed{1}, id, "main", scheme)
	if err != nil {
		return "", err
	}
	same := shard.Sum([]byte(name))
	hosts := make([]peer.AddrInfo, 2)
	for i := range hosts {
		_, pub, err := crypto.GenerateEd25519Key(rand.Reader)
		if err == nil {
			hosts[i].ID, err = peer.IDFromPublicKey(pub)
		}
		if err != nil {
			return "", err
		}
	}
	return path, errors.Join(
		w.Segment(shard.Segment{Sealed: 22, Nonce: shard.NewNonce(), Shards: []shard.ID{same, same}}),
		w.Core(shard.Private{File: id, Name: name, Size: 6}),
		w.Hosts(hosts),
		w.Placed(0, []shard.Placement{{Index: 0, Host: 0}, {Index: 1, Host: 1}}),
		w.Close(),
	)
}

// fakeEvents tells a few events, of members and others, and ends.
func fakeEvents(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/events" {
		http.NotFound(w, r)
		return
	}
	for i, event := range []string{
		`"type":"member_new","peer":"12D3other"`,
		`"type":"member_update","peer":"12D3other","key":"room","value":{"free":5}`,
		`"type":"put_done","name":"f"`,
		`"type":"member_update","peer":"12D3other","key":"room","deleted":true`,
		`"type":"member_dead","peer":"12D3other","missed":7`,
	} {
		fmt.Fprintf(w, "{\"time\":\"2026-11-30T12:00:%02dZ\",%s}\n", i, event)
	}
}
