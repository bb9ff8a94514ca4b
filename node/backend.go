package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
)

// Put stores a file on other nodes; see [control.Backend].
func (n *Node) Put(ctx context.Context, req control.PutRequest, body io.Reader, emit func(control.Progress)) (control.PutResult, error) {
	source := transfer.Source{Path: req.Path, Name: req.Name, Size: req.Size}
	if req.Path == "" {
		source.Stream = body
	}
	n.events.publish(Event{Type: EventPutStart, Name: named(source), Size: max(req.Size, 0)})
	r, seconds, err := timed(func() (transfer.PutResult, error) {
		opts, err := n.putOptions(ctx, req)
		if err != nil {
			return transfer.PutResult{}, err
		}
		return n.engine.Put(ctx, source, opts, told(emit))
	})
	n.events.publish(Event{Type: EventPutDone, Name: named(source), File: idText(r.File), Size: r.Size, Err: textOf(err)})
	if err != nil {
		return control.PutResult{}, putFault(err, again(source))
	}
	keepers, notes := n.secure(ctx, r, req)
	for _, warning := range append(r.Warnings, notes...) {
		emit(control.Progress{Phase: "put", Done: r.Size, Total: r.Size, Note: warning})
	}
	return control.PutResult{
		ID: r.File.String(), Name: r.Name, Size: r.Size, Manifest: r.Manifest, Scheme: r.Scheme.String(),
		Hosts: r.Hosts, Segments: r.Segments, BytesSent: r.Sent, Seconds: seconds, Keepers: keepers, Shortfall: r.Shortfall,
	}, nil
}

// putOptions reads the request; what it asks for and cannot be is a
// [*control.Error] of exit 2.
func (n *Node) putOptions(ctx context.Context, req control.PutRequest) (transfer.PutOptions, error) {
	opts := transfer.PutOptions{
		Colocate: req.AllowColocate, Bandwidth: req.BandwidthLimit, Copy: req.Manifest,
	}
	if req.Scheme != "" {
		scheme, err := shard.ParseScheme(req.Scheme)
		if err != nil {
			return opts, control.NewError(control.ExitUsage, 10, "scheme %q cannot be used", req.Scheme).Wrap(err).
				Because("%v", err).Try("schemes look like 4+8: data shards + parity shards")
		}
		opts.Scheme = scheme
	}
	switch d := shard.Durability(req.Durability); d {
	case "", shard.DurabilityLow, shard.DurabilityNormal, shard.DurabilityArchive:
		opts.Durability = d
	default:
		return opts, control.NewError(control.ExitUsage, 11, "durability %q is none of low, normal, archive", req.Durability)
	}
	switch {
	case req.Expires < 0:
		return opts, control.NewError(control.ExitUsage, 12, "a file cannot be kept for %s", req.Expires)
	case req.Expires > 0:
		opts.Expires = time.Now().Add(req.Expires)
	}
	if req.BandwidthLimit != 0 && req.BandwidthLimit < transfer.MinBandwidth {
		return opts, control.NewError(control.ExitUsage, 18, "%d bytes per second are too few", req.BandwidthLimit).
			Because("hosts hang up below %d", transfer.MinBandwidth)
	}
	if _, err := os.Lstat(req.Manifest); req.Manifest != "" && err == nil {
		return opts, control.NewError(control.ExitUsage, 16, "%s exists", req.Manifest).
			Because("a file is replaced only when asked for").Try("give --manifest another name")
	}
	for _, text := range req.Hosts {
		info, err := n.hostNamed(ctx, text)
		if err != nil {
			return opts, err
		}
		opts.Hosts = append(opts.Hosts, info)
	}
	opts.Hosts = joinAddrs(opts.Hosts)
	return opts, nil
}

// hostNamed finds a host by what the owner calls it: a peer id or a full
// multiaddr. The addresses of a bare id are those known or found.
func (n *Node) hostNamed(ctx context.Context, text string) (peer.AddrInfo, error) {
	if info, err := peer.AddrInfoFromString(text); err == nil {
		return *info, nil
	}
	id, err := peer.Decode(text)
	if err != nil {
		return peer.AddrInfo{}, control.NewError(control.ExitUsage, 13, "%q names no host", text).Wrap(err).
			Try("hosts are named by peer id or by a multiaddr that ends in /p2p/ID", "batchain peers")
	}
	for _, met := range n.bootstrap.known() {
		if met.ID == id {
			n.host.Peerstore().AddAddrs(id, met.Addrs, metTTL)
		}
	}
	info := n.host.Peerstore().PeerInfo(id)
	if len(info.Addrs) == 0 {
		if found, err := n.finder.FindPeer(ctx, id); err == nil {
			info = found
		}
	}
	return info, nil
}

// metTTL is how long addresses of peers met in an earlier run are believed.
const metTTL = 10 * time.Minute

// joinAddrs makes one entry of several addresses of one peer.
func joinAddrs(infos []peer.AddrInfo) []peer.AddrInfo {
	var joined []peer.AddrInfo
	at := map[peer.ID]int{}
	for _, info := range infos {
		i, ok := at[info.ID]
		if !ok {
			at[info.ID] = len(joined)
			joined = append(joined, info)
			continue
		}
		joined[i].Addrs = append(joined[i].Addrs, info.Addrs...)
	}
	return joined
}

// Get brings a file back; see [control.Backend].
func (n *Node) Get(ctx context.Context, req control.GetRequest, out io.Writer, emit func(control.Progress)) (control.GetResult, error) {
	n.events.publish(Event{Type: EventGetStart, Name: req.Ref})
	r, seconds, err := timed(func() (transfer.GetResult, error) {
		to := transfer.Destination{Path: req.Output, Inside: req.Inside, Force: req.Force, Size: func(size int64) {
			emit(control.Progress{Phase: "get", Total: size})
		}}
		if req.Output == "" {
			to.Stream = out
		}
		return n.engine.Get(ctx, req.Ref, to, told(emit))
	})
	n.events.publish(Event{Type: EventGetDone, Name: r.Name, File: idText(r.File), Size: r.Size, Err: textOf(err)})
	if err != nil {
		return control.GetResult{}, getFault(err, req)
	}
	return control.GetResult{
		ID: r.File.String(), Name: r.Name, Path: r.Path, Size: r.Size, BytesReceived: r.Received, Seconds: seconds,
	}, nil
}

// Remove deletes a file on its hosts; see [control.Backend].
func (n *Node) Remove(ctx context.Context, req control.RemoveRequest, emit func(control.Progress)) (control.RemoveResult, error) {
	n.events.publish(Event{Type: EventRemoveStart, Name: req.Ref})
	r, err := n.engine.Remove(ctx, req.Ref, told(emit))
	n.events.publish(Event{Type: EventRemoveDone, Name: r.Name, File: idText(r.File), Err: textOf(err)})
	if err != nil {
		return control.RemoveResult{}, removeFault(err, req)
	}
	n.unlist(ctx, r.File, emit)
	unreached := make([]string, len(r.Unreached))
	for i, id := range r.Unreached {
		unreached[i] = id.String()
	}
	return control.RemoveResult{
		ID: r.File.String(), Name: r.Name, Hosts: r.Hosts, Deleted: r.Deleted, Unreached: unreached, Noted: r.Noted,
	}, nil
}

// unlist takes a deleted file off the owner's list, and deletes what only served
// it. The hosts have forgotten the file by then, so trouble is only told.
func (n *Node) unlist(ctx context.Context, file shard.FileID, emit func(control.Progress)) {
	with, err := n.catalogue.Remove(file)
	err = errors.Join(err, n.engine.Dropped(file)) // another device may have handed it back meanwhile
	n.listChanged()
	for _, id := range with {
		_, removeErr := n.engine.Remove(ctx, n.engine.ManifestPath(id), func(transfer.Progress) {})
		err = errors.Join(err, removeErr)
	}
	if err = errors.Join(err, n.publish(ctx)); err != nil {
		emit(control.Progress{Phase: "remove", Note: fmt.Sprintf("warning: the list of files on the mesh still has it: %v", err)})
	}
}

// told passes an engine's progress on to whoever asked for the work.
func told(emit func(control.Progress)) func(transfer.Progress) {
	return func(p transfer.Progress) { emit(control.Progress(p)) }
}

// timed runs work and returns how many seconds it took.
func timed[T any](work func() (T, error)) (T, float64, error) {
	start := time.Now()
	r, err := work()
	return r, time.Since(start).Seconds(), err
}

func named(s transfer.Source) string {
	if s.Name != "" {
		return s.Name
	}
	return s.Path
}

// again is how a person names the source in the same command.
func again(s transfer.Source) string {
	if s.Path != "" {
		return s.Path
	}
	return "- --name " + s.Name
}

func idText(id shard.FileID) string {
	if id == (shard.FileID{}) {
		return ""
	}
	return id.String()
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprint(err)
}
