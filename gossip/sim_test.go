package gossip

import (
	"container/heap"
	"crypto/ed25519"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// brief says that small meshes and short times will do.
func brief() bool { return testing.Short() || underRace }

// sim is a mesh of cores on a schedule: exact, and thousands of times as fast
// as the clock. A node is stopped by pausing it, as a frozen process is.
type sim struct {
	t       testing.TB
	now     time.Time
	began   time.Time
	due     schedule
	order   uint64
	nodes   []*simNode
	byID    map[peer.ID]*simNode
	rand    *rand.Rand
	latency time.Duration
	loss    float64
	encode  bool // messages go through their encoding, and their bytes are counted
	cut     func(from, to *simNode) bool
	told    func(n *simNode, e Event)
}

type simNode struct {
	*core
	sim    *sim
	index  int
	store  uint64 // the incarnation on its disk
	up     bool
	paused bool
	woken  time.Time // when its next turn is scheduled
	held   []func()
	stuck  bool     // its network stands still
	kept   []func() // what goes in or out then

	sent, bytes int
	hook        func(to peer.ID, m *message) bool // reports whether the message goes out
}

type happening struct {
	at    time.Time
	order uint64
	do    func()
}

type schedule []happening

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	if s[i].at.Equal(s[j].at) {
		return s[i].order < s[j].order
	}
	return s[i].at.Before(s[j].at)
}
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)   { *s = append(*s, x.(happening)) }
func (s *schedule) Pop() any {
	last := (*s)[len(*s)-1]
	(*s)[len(*s)-1] = happening{}
	*s = (*s)[:len(*s)-1]
	return last
}

func testKey(i int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1], seed[2] = byte(i), byte(i>>8), 1
	return ed25519.NewKeyFromSeed(seed)
}

// newSim returns n running nodes that know the first one as a seed.
func newSim(t testing.TB, n int, seed uint64, options Options) *sim {
	s := &sim{
		t: t, now: time.Unix(1_800_000_000, 0), byID: map[peer.ID]*simNode{},
		rand: rand.New(rand.NewPCG(seed, 0)), latency: 2 * time.Millisecond,
	}
	s.began = s.now
	for range n {
		s.add(options)
	}
	return s
}

func (s *sim) add(options Options) *simNode {
	n := &simNode{sim: s, index: len(s.nodes)}
	s.nodes = append(s.nodes, n)
	n.boot(options)
	s.byID[n.self.id] = n
	return n
}

// boot starts a node with nothing but what is on its disk.
func (n *simNode) boot(options Options) {
	s := n.sim
	cfg, err := Config{
		Key: testKey(n.index), Mesh: "test", Transport: nowhere{}, Options: options,
		Seeds: func() []peer.ID { return []peer.ID{s.nodes[0].self.id} },
		Rand:  rand.New(rand.NewPCG(s.rand.Uint64(), uint64(n.index))),
	}.withDefaults()
	if err != nil {
		s.t.Fatal(err)
	}
	if n.core, err = newCore(cfg); err != nil {
		s.t.Fatal(err)
	}
	n.core.verify = s.verify
	n.store = max(n.store+1, uint64(s.now.UnixMilli()))
	n.born(s.now, n.store)
	n.up, n.paused, n.held = true, false, nil
	n.nextTick = s.now.Add(time.Duration(s.rand.Int64N(int64(cfg.Options.Interval))))
	n.woken = time.Time{}
	n.arm()
}

// verify checks what no node of any sim has checked before: a mesh of many
// would spend its time on checking the same records.
func (s *sim) verify(who identity, kind string, signed wire.Signed) error {
	name := string(who[:]) + kind + string(signed.Body) + string(signed.Sig)
	if verified[name] {
		return nil
	}
	err := newVerifier("test")(who, kind, signed)
	if err == nil {
		verified[name] = true
	}
	return err
}

var verified = map[string]bool{}

type nowhere struct{ Transport }

func (s *sim) at(t time.Time, do func()) {
	s.order++
	heap.Push(&s.due, happening{t, s.order, do})
}

// run lets time pass.
func (s *sim) run(d time.Duration) {
	end := s.now.Add(d)
	for len(s.due) > 0 && !s.due[0].at.After(end) {
		h := heap.Pop(&s.due).(happening)
		s.now = h.at
		h.do()
	}
	s.now = end
}

// until lets time pass until what holds, for at most limit.
func (s *sim) until(limit time.Duration, what string, holds func() bool) time.Duration {
	s.t.Helper()
	began := s.now
	for !holds() {
		if s.now.Sub(began) > limit {
			s.t.Fatalf("after %v: not %s", limit, what)
		}
		s.run(10 * time.Millisecond)
	}
	return s.now.Sub(began)
}

// arm schedules the node's next turn.
func (n *simNode) arm() {
	next := n.next()
	if !n.up || n.woken.Equal(next) {
		return
	}
	n.woken = next
	c := n.core
	n.sim.at(next, func() {
		if n.core == c && n.woken.Equal(next) {
			n.act(n.turn)
		}
	})
}

func (n *simNode) turn() {
	now := n.sim.now
	if due(n.nextTick, now) {
		n.tick(now)
	}
	n.wake(now)
	n.woken = time.Time{}
}

// act lets a node do something, now or when it runs again.
func (n *simNode) act(do func()) {
	if !n.up {
		return
	}
	if n.paused {
		n.held = append(n.held, do)
		return
	}
	do()
	n.ship()
}

// ship sends what a node wants sent.
func (n *simNode) ship() {
	s := n.sim
	out, events := n.out, n.events
	n.out, n.events = nil, nil
	if n.self.incarnation() > n.store {
		n.store = n.self.incarnation()
	}
	for _, e := range events {
		if s.told != nil {
			s.told(n, e)
		}
	}
	for _, o := range out {
		n.sent++
		if n.hook == nil || n.hook(o.to, o.m) {
			s.carry(n, o)
		}
	}
	n.arm()
}

func (s *sim) carry(n *simNode, o outgoing) {
	m := o.m
	if s.encode {
		data, err := wire.Marshal(m)
		if err != nil {
			s.t.Fatal(err)
		}
		n.bytes += len(data)
		if m, err = parseMessage(data); err != nil {
			s.t.Fatalf("own message: %v", err)
		}
	}
	to := s.byID[o.to]
	if to == nil || s.rand.Float64() < s.loss || s.cut != nil && s.cut(n, to) {
		return
	}
	from, c := n.self.id, to.core
	n.pass(func() {
		s.at(s.now.Add(s.latency), func() {
			to.pass(func() {
				if to.core == c {
					to.act(func() {
						if to.takes(s.now, from) {
							to.handle(s.now, from, m)
						}
					})
				}
			})
		})
	})
}

// pass lets something in or out of a node, now or when its network goes on.
func (n *simNode) pass(do func()) {
	if n.stuck {
		n.kept = append(n.kept, do)
		return
	}
	do()
}

// stall holds for a while what goes in or out of a node; the node itself runs.
func (n *simNode) stall(d time.Duration) {
	if n.stuck || !n.up {
		return
	}
	n.stuck = true
	n.sim.at(n.sim.now.Add(d), func() {
		n.stuck = false
		kept := n.kept
		n.kept = nil
		for _, do := range kept {
			do()
		}
	})
}

// crash stops a node for good.
func (n *simNode) crash() { n.up = false }

// pause freezes a node for a while.
func (n *simNode) pause(d time.Duration) {
	if n.paused || !n.up {
		return
	}
	n.paused = true
	n.sim.at(n.sim.now.Add(d), func() {
		n.paused = false
		held := n.held
		n.held = nil
		for _, do := range held {
			n.act(do)
		}
	})
}

// say has a node say something.
func (n *simNode) say(key, value string) {
	n.sim.t.Helper()
	if _, err := n.set(n.sim.now, key, []byte(value), 0); err != nil {
		n.sim.t.Fatal(err)
	}
	n.ship()
}

// of returns what a node knows of another; nil if nothing.
func (n *simNode) of(other *simNode) *member { return n.members[other.self.id] }

func (n *simNode) state(other *simNode) State {
	if m := n.of(other); m != nil {
		return m.state
	}
	return 0
}

// all reports whether what holds of every pair of nodes that are up.
func (s *sim) all(holds func(n, other *simNode) bool) bool {
	for _, n := range s.nodes {
		for _, other := range s.nodes {
			if n != other && n.up && other.up && !holds(n, other) {
				return false
			}
		}
	}
	return true
}

func (s *sim) together() bool {
	return s.all(func(n, other *simNode) bool { return n.state(other) == Live })
}

// has reports whether every node that is up sees a value.
func (s *sim) has(of *simNode, key, value string) bool {
	for _, n := range s.nodes {
		if !n.up || n == of {
			continue
		}
		m := n.of(of)
		if m == nil || m.entries[key] == nil || string(m.entries[key].Value) != value {
			return false
		}
	}
	return true
}

// known returns after how long each node holds other for dead, sorted.
func (s *sim) known(other *simNode, limit time.Duration) []time.Duration {
	began := s.now
	found := map[*simNode]time.Duration{}
	for s.now.Sub(began) < limit {
		s.run(50 * time.Millisecond)
		for _, n := range s.nodes {
			if n.up && n.state(other) == Dead && found[n] == 0 {
				found[n] = s.now.Sub(began)
			}
		}
		if len(found) == s.living() {
			break
		}
	}
	var all []time.Duration
	for _, d := range found {
		all = append(all, d)
	}
	slices.Sort(all)
	return all
}

func (s *sim) living() (n int) {
	for _, node := range s.nodes {
		if node.up {
			n++
		}
	}
	return n
}

func median[T any](sorted []T) T { return sorted[len(sorted)/2] }
