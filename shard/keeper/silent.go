package keeper

import (
	"errors"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

const maxSilent = 1 << 14

// errSilent means that a peer has not answered in this round.
var errSilent = errors.New("the peer has not answered in this round")

// silent are the peers that did not answer in a round: each costs its time once
// a round, not once a file. Between rounds nobody is remembered.
type silent struct {
	mu    sync.Mutex
	peers map[peer.ID]bool // nil: no round
}

func (s *silent) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = map[peer.ID]bool{}
}

func (s *silent) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = nil
}

func (s *silent) add(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers != nil && len(s.peers) < maxSilent {
		s.peers[p] = true
	}
}

func (s *silent) has(p peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peers[p]
}
