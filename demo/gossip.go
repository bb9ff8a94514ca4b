package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

const (
	gossipers      = 5               // nodes of the demo, when nobody says how many
	gossipCapacity = 64 << 20        // bytes that each gives: a small file makes a difference
	heartbeats     = 6 * time.Second // after which there are enough heartbeats to judge silence by
	rumourTime     = time.Minute     // for news to reach all, on a machine that has other things to do
)

// gossiping plays members that join, change, die and return.
func gossiping(ctx context.Context, s *stage) error {
	s.capacity = gossipCapacity
	count := s.nodes
	if count == 0 {
		count = gossipers
	}
	if count < 3 || count > 8 {
		return fmt.Errorf("demo gossip: %w: 3 to 8 nodes, not %d", ErrNodes, count)
	}
	hosts, err := s.mesh(ctx, "node", count)
	if err != nil {
		return err
	}
	took, err := await(ctx, hosts, "live", hosts...)
	if err != nil {
		return err
	}
	s.check(true, "%d nodes that knew one of them know all, %s after the last came", count, took)
	if err := s.changes(ctx, hosts); err != nil {
		return err
	}
	rest := time.NewTimer(heartbeats)
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return s.diesAndReturns(ctx, hosts)
}

// changes has a host fill up, of which the last member hears.
func (s *stage) changes(ctx context.Context, hosts []*member) error {
	full, far := hosts[1], hosts[len(hosts)-1]
	heard, stop, err := far.updates(ctx, full.ID().String())
	if err != nil {
		return err
	}
	defer stop()
	path, _, err := s.file("holiday.tar", gossipCapacity/2)
	if err != nil {
		return err
	}
	s.say("%s stores a file of %d MiB; %s is one of its hosts", hosts[0].name, gossipCapacity>>21, full.name)
	if _, err := hosts[0].Put(ctx, control.PutRequest{Path: path}, nil, quiet); err != nil {
		return err
	}
	patience := time.NewTimer(rumourTime)
	defer patience.Stop()
	select {
	case value := <-heard:
		s.check(true, "%s hears from the others that %s has less room: %s", far.name, full.name, value)
	case <-patience.C:
		s.check(false, "%s hears that %s has less room", far.name, full.name)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// updates yields what others tell a member of the room that one of them has.
func (m *member) updates(ctx context.Context, of string) (heard <-chan string, stop func(), err error) {
	client := control.Dial(node.SocketPath(m.home))
	body, err := client.Open(ctx, "/events")
	if err != nil {
		return nil, nil, err
	}
	values, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(body); lines.Scan(); {
			var e node.Event
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.Type == "member_update" && e.Peer == of && e.Key == "room" {
				select {
				case values <- string(e.Value):
				default:
				}
			}
		}
	}()
	return values, func() { _ = body.Close(); <-ended; client.Close() }, nil
}

// diesAndReturns has one member crash and come back, and another say goodbye.
func (s *stage) diesAndReturns(ctx context.Context, hosts []*member) error {
	last := len(hosts) - 1
	others, dying := hosts[:last], hosts[last]
	s.say("%s dies without a word", dying.name)
	dying.crash()
	took, err := await(ctx, others, "dead", dying)
	s.check(err == nil, "all others know that it is dead, %s later", took)
	s.say("%s is started again", dying.name)
	back, err := s.node(ctx, dying.name, hosts[0])
	if err != nil {
		return err
	}
	took, err = await(ctx, others, "live", back)
	s.check(err == nil, "all others know that it lives, %s later", took)
	leaving := hosts[1]
	s.say("%s is stopped, and says goodbye", leaving.name)
	if err := leaving.stop(); err != nil {
		return err
	}
	took, err = await(ctx, append([]*member{back, hosts[0]}, hosts[2:last]...), "left", leaving)
	s.check(err == nil, "all others know that it left, %s later", took)
	return nil
}

// await looks until all of those who look see all others of subjects in a
// state, and tells how long that took.
func await(ctx context.Context, who []*member, state string, subjects ...*member) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, rumourTime)
	defer cancel()
	began := time.Now()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for !see(ctx, who, state, subjects) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return time.Since(began).Round(100 * time.Millisecond), fmt.Errorf("members are not %s: %w", state, context.Cause(ctx))
		}
	}
	return time.Since(began).Round(100 * time.Millisecond), nil
}

func see(ctx context.Context, who []*member, state string, subjects []*member) bool {
	for _, m := range who {
		peers, err := m.Peers(ctx)
		if err != nil {
			return false
		}
		states := map[string]string{m.ID().String(): state} // itself is not looked for
		for _, p := range peers {
			if p.AgeS >= 0 {
				states[p.PeerID] = p.State
			}
		}
		for _, subject := range subjects {
			if states[subject.ID().String()] != state {
				return false
			}
		}
	}
	return true
}

// ErrNodes means that a demo cannot be played with so many nodes.
var ErrNodes = errors.New("that many nodes do not do")
