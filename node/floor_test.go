package node_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
)

// floor is the least work that keeps the promise, done with the same libraries,
// bytes and processes as the real put and get, and nothing around it: no
// journal, no index, no signatures, no quota, no choice of hosts.
//
//	put  seal, encode, hash every shard; plain libp2p streams; hash, write,
//	     fsync, rename at the other end
//	get  plain libp2p streams of Data shards; hash, open, write
type floor struct {
	b      *testing.B
	client host.Host
	hosts  []host.Host
	dir    string
	scheme shard.Scheme
	sealer *shard.Sealer
	coder  *shard.Coder
	parts  []floorSegment // of the file put last
}

type floorSegment struct {
	sealed int
	last   bool
	nonce  shard.Nonce
	ids    []shard.ID
}

const (
	floorPut = "/floor/put"
	floorGet = "/floor/get"
)

// newFloor takes the first Data+Parity hosts.
func newFloor(b *testing.B, client host.Host, hosts []host.Host, scheme shard.Scheme) *floor {
	b.Helper()
	f := &floor{b: b, client: client, hosts: hosts[:scheme.Shards()], dir: b.TempDir(), scheme: scheme}
	f.sealer = shard.NewSealer(shard.FileKey{1}, shard.FileID{2})
	coder, err := shard.NewCoder(scheme)
	if err != nil {
		b.Fatal(err)
	}
	f.coder = coder
	for i, h := range f.hosts {
		folder := filepath.Join(f.dir, fmt.Sprint(i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			b.Fatal(err)
		}
		client.Peerstore().AddAddrs(h.ID(), h.Addrs(), peerstore.PermanentAddrTTL)
		h.SetStreamHandler(floorPut, func(s network.Stream) { floorEnd(s, floorReceive(s, folder)) })
		h.SetStreamHandler(floorGet, func(s network.Stream) { floorEnd(s, floorServe(s, folder)) })
	}
	return f
}

func floorEnd(s network.Stream, err error) {
	if err != nil {
		_ = s.Reset()
		return
	}
	_ = s.Close()
}

// floorReceive reads id, length and bytes, and keeps them as a host must.
func floorReceive(s network.Stream, folder string) error {
	var head [36]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return err
	}
	id := shard.ID(head[:32])
	file, err := os.CreateTemp(folder, "in")
	if err != nil {
		return err
	}
	defer file.Close()
	body := make([]byte, binary.BigEndian.Uint32(head[32:]))
	if _, err := io.ReadFull(s, body); err != nil {
		return err
	}
	if shard.Sum(body) != id {
		return fmt.Errorf("wrong bytes")
	}
	if _, err := file.Write(body); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), filepath.Join(folder, hex.EncodeToString(id[:]))); err != nil {
		return err
	}
	_, err = s.Write([]byte{1})
	return err
}

func floorServe(s network.Stream, folder string) error {
	var id shard.ID
	if _, err := io.ReadFull(s, id[:]); err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(folder, hex.EncodeToString(id[:])))
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{s}, file, make([]byte, 256<<10))
	return err
}

// put moves a file, two segments at a time.
func (f *floor) put(path string) {
	file, err := os.Open(path)
	if err != nil {
		f.b.Fatal(err)
	}
	defer file.Close()
	in := bufio.NewReader(file)
	length := f.scheme.ShardLength(shard.MaxSegmentLength)
	slabs := make(chan []byte, 2)
	for range 2 {
		slabs <- make([]byte, f.scheme.Shards()*length)
	}
	group, ctx := errgroup.WithContext(f.b.Context())
	f.parts = nil
	for last := false; !last; {
		slab := <-slabs
		n, err := io.ReadFull(in, slab[:shard.MaxSegmentLength-shard.SealOverhead])
		if err != nil && n == 0 {
			f.b.Fatal(err)
		}
		_, err = in.Peek(1)
		last = err != nil
		number := len(f.parts)
		part := floorSegment{sealed: n + shard.SealOverhead, last: last, nonce: shard.NewNonce(), ids: make([]shard.ID, f.scheme.Shards())}
		f.parts = append(f.parts, part)
		group.Go(func() error {
			defer func() { slabs <- slab }()
			return f.send(ctx, number, part, slab, n)
		})
	}
	if err := group.Wait(); err != nil {
		f.b.Fatal(err)
	}
}

func (f *floor) send(ctx context.Context, number int, part floorSegment, slab []byte, n int) error {
	sealed := f.sealer.Seal(slab[:n], uint32(number), part.last, part.nonce)
	length := f.scheme.ShardLength(len(sealed))
	clear(slab[len(sealed) : f.scheme.Data*length])
	shards := f.scheme.Split(slab, length)
	if err := f.coder.Encode(shards); err != nil {
		return err
	}
	var group errgroup.Group
	for i, body := range shards {
		group.Go(func() error {
			part.ids[i] = shard.Sum(body)
			return f.sendShard(ctx, f.hosts[i].ID(), part.ids[i], body)
		})
	}
	return group.Wait()
}

func (f *floor) sendShard(ctx context.Context, to peer.ID, id shard.ID, body []byte) error {
	s, err := f.client.NewStream(ctx, to, floorPut)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Write(binary.BigEndian.AppendUint32(id[:], uint32(len(body)))); err != nil {
		return err
	}
	for rest := body; len(rest) > 0; {
		n, err := s.Write(rest[:min(len(rest), 256<<10)])
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	_, err = io.ReadFull(s, make([]byte, 1))
	return err
}

// get brings the file put last to path, two segments at a time.
func (f *floor) get(path string) {
	file, err := os.Create(path)
	if err != nil {
		f.b.Fatal(err)
	}
	defer file.Close()
	length := f.scheme.ShardLength(shard.MaxSegmentLength)
	slabs := make(chan []byte, 2)
	for range 2 {
		slabs <- make([]byte, f.scheme.Data*length)
	}
	group, ctx := errgroup.WithContext(f.b.Context())
	for number, part := range f.parts {
		slab := <-slabs
		group.Go(func() error {
			defer func() { slabs <- slab }()
			return f.bring(ctx, file, number, part, slab)
		})
	}
	if err := group.Wait(); err != nil {
		f.b.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		f.b.Fatal(err)
	}
}

func (f *floor) bring(ctx context.Context, file *os.File, number int, part floorSegment, slab []byte) error {
	length := f.scheme.ShardLength(part.sealed)
	var group errgroup.Group
	for i := range f.scheme.Data {
		group.Go(func() error {
			return f.bringShard(ctx, f.hosts[i].ID(), part.ids[i], slab[i*length:(i+1)*length])
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	plain, err := f.sealer.Open(slab[:part.sealed], uint32(number), part.last, part.nonce)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(plain, int64(number)*(shard.MaxSegmentLength-shard.SealOverhead))
	return err
}

func (f *floor) bringShard(ctx context.Context, from peer.ID, id shard.ID, into []byte) error {
	s, err := f.client.NewStream(ctx, from, floorGet)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Write(id[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(s, into); err != nil {
		return err
	}
	if shard.Sum(into) != id {
		return fmt.Errorf("wrong bytes")
	}
	return nil
}
