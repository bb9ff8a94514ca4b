package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// lotKey names a transfer at this host.
type lotKey struct {
	peer    peer.ID
	grant   shard.Digest
	shard   shard.ID
	segment uint32
	index   uint8
}

// offer takes in one shard.
func (s *Server) offer(ctx context.Context, r *request) error {
	lot, err := openLot(r, s.cfg.Mesh)
	if err != nil {
		return err
	}
	length := int64(lot.Offer.Length)
	done, err := s.begin(r, &s.in, "in", length)
	if err != nil {
		return err
	}
	defer done()
	kind := ansDone
	leaseEnd, err := s.cfg.Store.Receive(ctx, lot, func(offset int64) (io.Reader, error) {
		kind = ansReceipt
		return s.ready(r, lot, offset)
	})
	s.forget(lot, r)
	if errors.Is(err, wire.ErrInProgress) {
		s.supplant(lot)
	}
	if err != nil {
		return fmt.Errorf("receive %s: %w", lot.Offer.Shard, err)
	}
	receipt, err := s.receipt(lot.Offer, leaseEnd)
	if err != nil {
		return err
	}
	return s.reply(r, kind, receiptMessage{receipt})
}

// openLot verifies all that an OFFER says.
func openLot(r *request, mesh string) (shard.Lot, error) {
	var m offerMessage
	if err := wire.Unmarshal(r.payload, &m); err != nil {
		return shard.Lot{}, err
	}
	g, err := shard.OpenGrant(m.Grant, mesh)
	if err != nil {
		return shard.Lot{}, err
	}
	o, err := shard.OpenOffer(m.Offer, g, shard.GrantDigest(m.Grant))
	if err != nil {
		return shard.Lot{}, err
	}
	if err := checkLease(o.Lease); err != nil {
		return shard.Lot{}, err
	}
	return shard.Lot{
		Peer: r.peer, From: r.from, Grant: g, SignedGrant: m.Grant, Offer: o, SignedOffer: m.Offer, Draft: m.Draft,
	}, nil
}

func checkLease(seconds uint32) error {
	if seconds == 0 {
		return wire.ErrBadRequest.With("a lease of no time")
	}
	if most := shard.LeaseMax / time.Second; time.Duration(seconds) > most {
		return wire.ErrBadRequest.With("a lease of %d s; at most %d are given", seconds, most)
	}
	return nil
}

// ready answers READY and returns a reader of the bytes that follow.
func (s *Server) ready(r *request, lot shard.Lot, offset int64) (io.Reader, error) {
	length := int64(lot.Offer.Length)
	if offset < 0 || offset > length {
		return nil, fmt.Errorf("ready at %d of %d bytes: %w", offset, length, wire.ErrInternal)
	}
	in, err := s.take(r, uint32(offset), length-offset)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.receiving[keyOf(lot)] = in.paced
	s.mu.Unlock()
	return in, nil
}

// begin takes a place for a transfer of length bytes, until done.
func (s *Server) begin(r *request, g *gate, direction string, length int64) (done func(), err error) {
	if err := g.enter(r.peer, r.from, length); err != nil {
		return nil, err
	}
	active := s.metrics.transfers.WithLabelValues(direction)
	active.Inc()
	return func() {
		active.Dec()
		g.leave(r.peer, r.from, length)
	}, nil
}

// take answers READY at offset and returns a reader of the length bytes that
// follow.
func (s *Server) take(r *request, offset uint32, length int64) (*intake, error) {
	if err := s.reply(r, ansReady, readyMessage{offset}); err != nil {
		return nil, err
	}
	in := s.cfg.Timeouts.pace(r.Stream, length)
	return &intake{paced: in, left: length, count: s.metrics.bytes.WithLabelValues("in").Add}, nil
}

func keyOf(lot shard.Lot) lotKey {
	o := lot.Offer
	return lotKey{lot.Peer, o.Grant, o.Shard, o.Segment, o.Index}
}

// forget ends what ready began for this very stream.
func (s *Server) forget(lot shard.Lot, r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in := s.receiving[keyOf(lot)]; in != nil && in.Stream == r.Stream {
		delete(s.receiving, keyOf(lot))
	}
}

// supplant resets a transfer of lot that stands still, because its connection
// died without a word, say: its peer has just asked for it on another stream.
func (s *Server) supplant(lot shard.Lot) {
	s.mu.Lock()
	in := s.receiving[keyOf(lot)]
	s.mu.Unlock()
	if in != nil && in.silent() > s.cfg.Timeouts.Answer {
		_ = in.ResetWithError(network.StreamSupplanted)
	}
}

func (s *Server) receipt(o shard.Offer, leaseEnd time.Time) (wire.Signed, error) {
	return shard.Receipt{
		Grant: o.Grant, Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length,
		LeaseEnd: leaseEnd.Unix(),
		Host:     s.cfg.Host.ID(),
		Time:     s.cfg.Now().Unix(),
	}.Sign(s.cfg.Key, s.cfg.Mesh)
}

// intake reads the bytes that follow a READY straight off their stream, and
// none beyond.
type intake struct {
	*paced
	left  int64
	count func(float64)
}

func (in *intake) Read(buf []byte) (int, error) {
	if in.left == 0 {
		return 0, io.EOF
	}
	n, err := in.paced.Read(buf[:min(int64(len(buf)), in.left)])
	in.left -= int64(n)
	in.count(float64(n))
	if errors.Is(err, io.EOF) && in.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && in.left > 0 {
		return n, lost(err)
	}
	return n, nil
}
