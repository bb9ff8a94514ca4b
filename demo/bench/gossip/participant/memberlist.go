package participant

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
	"github.com/batchain/batchain/demo/bench/gossip/world"
)

// memberlistLAN is hashicorp/memberlist with the defaults for local networks.
// It has no state of keys and values, so the newest value of the node, under
// whatever key, is its meta data of up to 512 bytes.
func memberlistLAN() world.Participant {
	return world.Participant{Start: startMemberlist, Attack: attackMemberlist}
}

type memberlistMember struct {
	node    *world.Node
	list    *memberlist.Memberlist
	address func(node int) string
	done    context.Context
	stop    context.CancelFunc
	tasks   sync.WaitGroup

	mu   sync.Mutex
	meta []byte
}

func startMemberlist(n *world.Node) (world.Member, error) {
	c := memberlist.DefaultLANConfig()
	c.Transport = newMemberlistTransport(n.Fabric, n.Index)
	return runMemberlist(n, c, func(node int) string { return fabric.Addr(node).String() })
}

// runMemberlist starts a node that has its place in the network in c and knows
// where the others are.
func runMemberlist(n *world.Node, c *memberlist.Config, address func(node int) string) (world.Member, error) {
	m := &memberlistMember{node: n, address: address}
	m.done, m.stop = context.WithCancel(context.Background())
	c.Name = memberlistName(n.Index)
	c.Events, c.Delegate = m, m
	c.LogOutput = io.Discard
	var err error
	if m.list, err = memberlist.Create(c); err != nil {
		return nil, err
	}
	if len(n.Through) > 0 {
		m.tasks.Go(m.join)
	}
	return m, nil
}

// join tries until it has joined, as agents built on memberlist do.
func (m *memberlistMember) join() {
	var through []string
	for _, seed := range m.node.Through {
		through = append(through, memberlistName(seed)+"/"+m.address(seed))
	}
	for m.done.Err() == nil {
		if joined, _ := m.list.Join(through); joined > 0 {
			return
		}
		select {
		case <-m.done.Done():
		case <-time.After(time.Second):
		}
	}
}

func (m *memberlistMember) Set(key, value string) {
	m.mu.Lock()
	m.meta = []byte(key + "=" + value)
	m.mu.Unlock()
	m.tasks.Go(func() { _ = m.list.UpdateNode(5 * time.Second) })
}

func (m *memberlistMember) Leave() error { return m.list.Leave(4 * time.Second) }

func (m *memberlistMember) Stop() {
	m.stop()
	_ = m.list.Shutdown()
	m.tasks.Wait()
}

func (m *memberlistMember) Known() int { return len(m.list.Members()) - 1 }

// NotifyJoin implements memberlist.EventDelegate.
func (m *memberlistMember) NotifyJoin(n *memberlist.Node) {
	m.node.Live(memberlistIndex(n.Name))
	m.NotifyUpdate(n)
}

// NotifyLeave implements memberlist.EventDelegate.
func (m *memberlistMember) NotifyLeave(n *memberlist.Node) { m.node.Dead(memberlistIndex(n.Name)) }

// NotifyUpdate implements memberlist.EventDelegate.
func (m *memberlistMember) NotifyUpdate(n *memberlist.Node) {
	if key, value, ok := strings.Cut(string(n.Meta), "="); ok {
		m.node.Value(memberlistIndex(n.Name), key, value)
	}
}

// NodeMeta implements memberlist.Delegate.
func (m *memberlistMember) NodeMeta(int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.meta
}

// NotifyMsg implements memberlist.Delegate; the rest of it is not used.
func (*memberlistMember) NotifyMsg([]byte)                {}
func (*memberlistMember) GetBroadcasts(int, int) [][]byte { return nil }
func (*memberlistMember) LocalState(bool) []byte          { return nil }
func (*memberlistMember) MergeRemoteState([]byte, bool)   {}

func memberlistName(index int) string { return fmt.Sprintf("n%d", index) }

// memberlistIndex is the reverse of memberlistName; a name of another form is a
// peer that nobody runs.
func memberlistIndex(name string) int {
	index, err := strconv.Atoi(strings.TrimPrefix(name, "n"))
	if err != nil {
		return 1 << 30
	}
	return index
}
