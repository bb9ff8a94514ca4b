package kad

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio/pbio"
	"google.golang.org/protobuf/proto"
)

// sender asks peers, one stream per question. kad-dht's own sender keeps one
// stream per peer, so a hung peer blocks all questions to it, waits 10 s for an
// answer and asks again; this one waits [RequestTimeout], once.
type sender struct {
	host   host.Host
	protos []protocol.ID
	shut   *penalties
}

// SendRequest asks p and returns its answer.
func (s *sender) SendRequest(ctx context.Context, p peer.ID, question *pb.Message) (*pb.Message, error) {
	var answer *pb.Message
	err := s.talk(ctx, p, question, func(st network.Stream) (err error) {
		answer, err = readAnswer(st)
		return err
	})
	return answer, err
}

// SendMessage tells p something that has no answer, and waits until p has
// taken it in: its handler closes the stream then, or resets it if it refused.
func (s *sender) SendMessage(ctx context.Context, p peer.ID, message *pb.Message) error {
	return s.talk(ctx, p, message, func(st network.Stream) error {
		if _, err := st.Read(make([]byte, 1)); err != io.EOF {
			return fmt.Errorf("message to %s not taken: %w", p, errors.Join(err, errRefused))
		}
		return nil
	})
}

// errRefused says that a peer took a message for nonsense, or has no room.
var errRefused = errors.New("refused")

// OnDisconnect has nothing to do: no stream outlives its question.
func (s *sender) OnDisconnect(context.Context, peer.ID) {}

func (s *sender) talk(parent context.Context, p peer.ID, message *pb.Message, then func(network.Stream) error) error {
	if s.shut.shut(p) {
		return fmt.Errorf("ask %s: %w", p, errShut)
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(parent, RequestTimeout)
	defer cancel()
	err := s.exchange(ctx, p, message, then)
	switch {
	case err == nil:
		s.shut.pardon(p)
	case parent.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		if time.Since(begin) < RequestTimeout+stall { // else it was us who hung
			s.shut.punish(p)
		}
		err = fmt.Errorf("ask %s: %w", p, context.DeadlineExceeded)
	}
	return err
}

func (s *sender) exchange(ctx context.Context, p peer.ID, message *pb.Message, then func(network.Stream) error) error {
	st, err := s.host.NewStream(ctx, p, s.protos...)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = st.Reset() })()
	out := bufio.NewWriter(st)
	if err := pbio.NewDelimitedWriter(out).WriteMsg(message); err != nil {
		_ = st.Reset()
		return err
	}
	if err := errors.Join(out.Flush(), st.CloseWrite()); err != nil {
		_ = st.Reset()
		return err
	}
	if err := then(st); err != nil {
		_ = st.Reset()
		return err
	}
	return st.Close()
}

// readAnswer reads one answer: a varint length, at most 4 MiB as in every
// kad-dht, then a protobuf message. It takes memory as bytes arrive, not for
// what the length claims.
func readAnswer(r io.Reader) (*pb.Message, error) {
	in := bufio.NewReader(r)
	length, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if length > network.MessageSizeMax {
		return nil, fmt.Errorf("read answer: %d bytes", length)
	}
	data, err := io.ReadAll(io.LimitReader(in, int64(length)))
	if err == nil && len(data) < int(length) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	answer := new(pb.Message)
	if err := proto.Unmarshal(data, answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(answer.ProviderPeers) > maxProvidersPerAnswer {
		answer.ProviderPeers = answer.ProviderPeers[:maxProvidersPerAnswer]
	}
	if len(answer.CloserPeers) > 2*BucketSize {
		answer.CloserPeers = answer.CloserPeers[:2*BucketSize]
	}
	return answer, nil
}
