package transfer

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
)

const (
	maxCandidates = 64
	gatherTime    = 8 * time.Second
	askTime       = 2 * time.Second
	askAtOnce     = 32
)

// answer is what one candidate said to ASK.
type answer struct {
	peer  peer.ID
	free  int64 // bytes it would take of us
	takes bool
	why   string // when it takes nothing
	group string // network it is in, as its connection shows or else as it says; "": not known
	class int    // see [Standing.class]
}

// gathering is candidates being asked for room.
type gathering struct {
	e      *Engine
	bytes  int64
	lease  time.Duration
	passed []peer.AddrInfo // not asked: they are said to be gone or full

	mu      sync.Mutex
	answers []answer
	wait    sync.WaitGroup
	slots   chan struct{}
}

// gather asks candidates for room for bytes each, and returns what they
// answered in the order in which they came. One that does not answer within 2 s
// counts as a no. Those that are said to be gone or full are asked only when
// fewer than enough others take something.
func (e *Engine) gather(ctx context.Context, from func(context.Context) iter.Seq[peer.AddrInfo], bytes int64, lease time.Duration, enough int) []answer {
	looking, cancel := context.WithTimeout(ctx, gatherTime)
	defer cancel()
	g := &gathering{e: e, bytes: bytes, lease: lease, slots: make(chan struct{}, askAtOnce)}
	seen := map[peer.ID]bool{e.cfg.Host.ID(): true}
	for p := range from(looking) {
		if looking.Err() != nil {
			break
		}
		if seen[p.ID] {
			continue
		}
		if seen[p.ID] = true; len(seen) > maxCandidates+1 {
			break
		}
		e.remember(p)
		if e.standing(p.ID).passedOver(bytes) {
			g.passed = append(g.passed, p)
			continue
		}
		g.ask(looking, p)
	}
	g.wait.Wait()
	e.askRest(ctx, g, enough)
	return g.answers
}

// ask asks one more.
func (g *gathering) ask(ctx context.Context, p peer.AddrInfo) {
	g.slots <- struct{}{}
	g.wait.Go(func() {
		defer func() { <-g.slots }()
		a := g.e.ask(ctx, p, g.bytes, g.lease)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.answers = append(g.answers, a)
	})
}

func (e *Engine) ask(ctx context.Context, p peer.AddrInfo, bytes int64, lease time.Duration) answer {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	a := answer{peer: p.ID}
	reply, err := e.cfg.Client.Ask(ctx, p.ID, bytes, lease)
	switch {
	case err != nil:
		a.why = "no answer"
		e.log.DebugContext(ctx, "candidate does not answer", "peer", p.ID, "err", err)
	case !reply.Takes:
		a.why = reason(reply.Why)
	default:
		a.takes, a.free = true, reply.Free
	}
	s := e.standing(p.ID)
	a.group, a.class = e.networkOf(p.ID), s.class(bytes, a.free)
	if a.group == "" {
		a.group = s.Network
	}
	return a
}

// networkOf names the network a connected peer is in: its IPv4 /24 or IPv6 /48.
// Peers on this machine are in none.
func (e *Engine) networkOf(p peer.ID) string {
	for _, c := range e.cfg.Host.Network().ConnsToPeer(p) {
		ip, err := manet.ToIP(c.RemoteMultiaddr())
		if err != nil || ip.IsLoopback() {
			continue
		}
		addr, _ := netip.AddrFromSlice(ip)
		bits := 48
		if addr = addr.Unmap(); addr.Is4() {
			bits = 24
		}
		if prefix, err := addr.Prefix(bits); err == nil {
			return prefix.String()
		}
	}
	return ""
}

// wishes are what the owner asked for.
type wishes struct {
	scheme     shard.Scheme // zero: by the number of hosts
	durability shard.Durability
	colocate   bool
	small      bool  // a file that is replicated
	size       int64 // bytes that have no receipt yet; -1 if unknown
	file       shard.FileID
}

// settle picks the scheme and the hosts that have room for their part of it,
// best first. Fewer hosts with more to keep each may mean a lower rung; the
// answer is the highest rung whose hosts all have room.
func (w wishes) settle(answers []answer) (shard.Scheme, []answer) {
	var hosts []answer
	for _, a := range answers {
		if a.takes {
			hosts = append(hosts, a)
		}
	}
	for {
		scheme := w.schemeFor(len(hosts))
		if len(hosts) == 0 {
			return scheme, nil
		}
		need := w.perHost(scheme, len(hosts))
		roomy := slices.DeleteFunc(slices.Clone(hosts), func(a answer) bool { return a.free < need })
		if len(roomy) == len(hosts) || len(roomy) >= scheme.Shards() {
			return scheme, spread(roomy, w.file)
		}
		hosts = roomy
	}
}

func (w wishes) schemeFor(hosts int) shard.Scheme {
	switch {
	case w.scheme != shard.Scheme{}:
		return w.scheme
	case w.small:
		return shard.SmallScheme(hosts)
	default:
		return shard.SchemeFor(hosts, w.durability)
	}
}

// perHost is the bytes that one host must have room for.
func (w wishes) perHost(s shard.Scheme, hosts int) int64 {
	if w.size < 0 {
		return 1
	}
	share := w.size/int64(s.Data) + 1
	if w.colocate {
		share *= int64(shardsPerHost(s, hosts))
	}
	return share
}

// shardsPerHost is the most shards of one segment that a host gets when they
// are spread evenly.
func shardsPerHost(s shard.Scheme, hosts int) int {
	return (s.Shards() + hosts - 1) / max(hosts, 1)
}

// spread orders hosts so that those of different networks come first, then
// those with room and time, and otherwise by lot: always asking the same hosts
// first would fill them and leave others empty. Each file draws its own lots, the
// same at every try, so that a put which resumes meets the hosts where its last
// bytes went.
func spread(hosts []answer, file shard.FileID) []answer {
	lots := map[peer.ID][32]byte{}
	for _, h := range hosts {
		lots[h.peer] = blake3.Sum256(append(file[:], h.peer...))
	}
	slices.SortFunc(hosts, func(a, b answer) int {
		x, y := lots[a.peer], lots[b.peer]
		return cmp.Or(cmp.Compare(a.class, b.class), bytes.Compare(x[:], y[:]))
	})
	nth := map[string]int{}
	rank := map[peer.ID]int{}
	for _, h := range hosts {
		if h.group != "" {
			rank[h.peer] = nth[h.group]
			nth[h.group]++
		}
	}
	slices.SortStableFunc(hosts, func(a, b answer) int { return cmp.Compare(rank[a.peer], rank[b.peer]) })
	return hosts
}
