package keeper

import (
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const maxSilent = 1 << 14

// errSilent means that a peer has not answered in this round.
var errSilent = errors.New("the peer has not answered in this round")

// hearsayTime is how long a peer that did not answer, and is said to be gone, is
// not called. It is half of [silence], so that nobody is given up on hearsay.
const hearsayTime = silence / 2

// silent are the peers that did not answer in a round: each costs its time once
// a round, not once a file. Between rounds is remembered who was called last
// in vain, and who came back, and when.
type silent struct {
	mu    sync.Mutex
	peers map[peer.ID]bool // nil: no round

	deaf, back map[peer.ID]time.Time
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

// called notes how a call ended.
func (s *silent) called(p peer.ID, deaf bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if deaf {
		note(&s.deaf, p, now)
	} else {
		delete(s.deaf, p)
	}
}

// deafLately reports whether the last call of a peer was lately, and in vain.
func (s *silent) deafLately(p peer.ID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, deaf := s.deaf[p]
	return deaf && now.Sub(at) < hearsayTime
}

// comeBack notes that a peer is back: it is asked again in this round, and its
// silence begins anew.
func (s *silent) comeBack(p peer.ID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p)
	delete(s.deaf, p)
	note(&s.back, p, now)
}

// returnedAt is when a peer came back last, as a Unix time; 0 when it did not.
func (s *silent) returnedAt(p peer.ID) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.back[p]; ok {
		return at.Unix()
	}
	return 0
}

// note keeps a time; when there are too many all are forgotten.
func note(times *map[peer.ID]time.Time, p peer.ID, now time.Time) {
	if *times == nil || len(*times) >= maxSilent {
		*times = map[peer.ID]time.Time{}
	}
	(*times)[p] = now
}
