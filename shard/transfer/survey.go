package transfer

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// A survey is what hosts say they hold of a file. The parts of this package
// that keep files alive start from it:
//
//	s, err := e.survey(ctx, m, last)      // asks every host; last is the health file's
//	s.hosts[i].peer, .state, .why, .seen  // one for each host, see [surveyed]
//	s.at(segment, into)                   // who holds, or should hold, which index, and what is believed of it
//	s.segments()                          // the same along the manifest's segments
//	h.count()                             // a host's shards by verdict
//	s.judge(host, segment, index, v)      // puts a verdict on one shard
//	s.margin(at, believed)                // hosts that a segment may still lose
//
// After the survey alone a shard's verdict is [verdictOK] where an answering
// host lists it, [verdictMissing] where the manifest names a host that answered
// and does not list it, and the host's state where it did not answer. The audit
// then makes it stricter.
//
// Who is asked: the hosts of the manifest, those that announced the locator, those
// of the health file; this node if it is a host. Rows that are not the file's, or at
// another place than the manifest's core has them, are counted and left out. A
// survey takes 4 bytes for each shard of the file and 4 for each placement, 160
// for a segment of 8+12; hosts that list what they do not hold can make it four
// times that. It ends within [surveyTime] and a second for each page that an
// honest host could have.
type survey struct {
	m        *shard.Manifest
	contents *contents
	hosts    []*surveyed // those of the manifest first
	placed   int         // how many are the manifest's
	mu       sync.Mutex
	room     int // rows that the manifest does not have and may still be taken in
}

// surveyed is one host of a survey.
type surveyed struct {
	peer   peer.ID
	state  verdict   // OK: it listed all; timeout, unreachable, refused; wrong: an audit caught it lying
	why    string    // a few words, "" when it answered
	seen   time.Time // when it last proved what it was asked for, by the health file until it is audited; zero: never
	doubt  bool      // it had wrong shards at the last audit
	known  int       // shards it had at the last audit, where it is not listed otherwise and does not answer
	alien  int       // rows that were left out
	shards []holding // sorted; at most one for each place
	extra  []holding // listed, not in the manifest; part of shards once the survey is done
}

// surveyTime bounds how long one host may take for its LIST, but for a second
// for each page.
const surveyTime = 30 * time.Second

const surveyPage = 1024 // rows

// survey asks every host what it holds. Errors are those of the manifest and of
// ctx; a host that does not answer is a finding.
func (e *Engine) survey(ctx context.Context, m *shard.Manifest, last healthFile) (*survey, error) {
	s, err := newSurvey(m, e.apart(), last)
	if err != nil {
		return nil, err
	}
	return s, s.ask(ctx, e.warrant(m), func(ctx context.Context) iter.Seq[peer.ID] { return e.announcers(ctx, m) })
}

// announcers yields the peers that announced a file, and remembers where they are.
func (e *Engine) announcers(ctx context.Context, m *shard.Manifest) iter.Seq[peer.ID] {
	return func(yield func(peer.ID) bool) {
		for p := range e.cfg.Finder.Find(ctx, m.Grant.Locator) {
			if e.remember(p); p.ID != e.apart() && !yield(p.ID) {
				return
			}
		}
	}
}

// newSurvey knows what the manifest and the health file say.
func newSurvey(m *shard.Manifest, self peer.ID, last healthFile) (*survey, error) {
	s := &survey{m: m, contents: &contents{shards: m.Scheme.Shards()}, room: 4*m.Count*m.Scheme.Shards() + surveyPage}
	seen, table := last.seen(), make([]*surveyed, len(m.Hosts))
	known := map[peer.ID]bool{self: true}
	for i, p := range m.Hosts {
		table[i] = &surveyed{peer: p.ID, seen: seen[p.ID]}
		if !known[p.ID] {
			s.hosts = append(s.hosts, table[i])
		}
		known[p.ID] = true
	}
	for segment, err := range m.Segments() {
		if err != nil {
			return nil, err
		}
		s.contents.add(segment.Shards, m.Scheme.ShardLength(segment.Sealed))
		for _, at := range segment.Placed {
			if h := table[at.Host]; len(h.shards) < m.Count*m.Scheme.Shards() {
				h.shards = append(h.shards, newHolding(segment.Number, at.Index))
			}
		}
	}
	for _, h := range s.hosts {
		h.shards = sorted(h.shards)
	}
	s.placed = len(s.hosts)
	doubt := last.doubts()
	for _, h := range s.hosts {
		h.doubt = doubt[h.peer]
	}
	for _, h := range last.Hosts {
		if !known[h.Peer] {
			known[h.Peer] = true
			s.hosts = append(s.hosts, &surveyed{peer: h.Peer, seen: seen[h.Peer], known: h.Shards, doubt: h.Wrong > 0})
		}
	}
	return s, nil
}

// ask has every host list its shards, and those that find yields, as they come.
func (s *survey) ask(ctx context.Context, a asker, find func(context.Context) iter.Seq[peer.ID]) error {
	var wait sync.WaitGroup
	slots := make(chan struct{}, askAtOnce)
	start := func(h *surveyed) {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			s.listed(h, s.list(ctx, a, h))
		})
	}
	seen := map[peer.ID]bool{}
	for _, h := range s.hosts {
		seen[h.peer] = true
		start(h)
	}
	look, cancel := context.WithTimeout(ctx, locateTime)
	defer cancel()
	most := min(len(s.hosts)+maxCandidates, 1<<16) // host numbers have 16 bits
	for p := range find(look) {
		if seen[p] {
			continue
		}
		if len(s.hosts) == most {
			break
		}
		seen[p] = true
		h := &surveyed{peer: p}
		s.hosts = append(s.hosts, h)
		start(h)
	}
	wait.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("survey: %w", context.Cause(ctx))
	}
	return nil
}

// list asks one host.
func (s *survey) list(ctx context.Context, a asker, h *surveyed) error {
	if err := a.connect(ctx, h.peer); err != nil {
		return err
	}
	pages := s.contents.size()/surveyPage + 1
	ctx, cancel := context.WithTimeout(ctx, surveyTime+time.Duration(pages)*time.Second)
	defer cancel()
	return listAll(ctx, a, h.peer, s.contents.size()+surveyPage, func(rows []shard.Held) { s.take(h, rows) })
}

// take takes in one page of what a host lists.
func (s *survey) take(h *surveyed, rows []shard.Held) {
	most := s.m.Count*((s.m.Scheme.Shards()+1)/2) + 16 // beyond the manifest
	for _, row := range rows {
		at := newHolding(row.Segment, row.Index)
		i, placed := findHolding(h.shards, at)
		switch {
		case !s.contents.has(row.Shard, row.Segment, row.Index, row.Length):
			h.alien++
		case placed:
			h.shards[i] = h.shards[i].with(verdictOK)
		case len(h.extra) < most && s.mayTake():
			h.extra = append(h.extra, at.with(verdictOK))
		default:
			h.alien++
		}
	}
}

func (s *survey) mayTake() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room--
	return s.room >= 0
}

// listed notes how a host's LIST ended.
func (s *survey) listed(h *surveyed, err error) {
	h.state = stateOf(err)
	rest := verdictMissing
	if err != nil {
		rest, h.why = h.state, reason(err)
	} else {
		h.known = 0
	}
	h.shards, h.extra = sorted(append(h.shards, h.extra...)), nil
	for i, at := range h.shards {
		if at.verdict() == verdictNone || err != nil {
			h.shards[i] = at.with(rest)
		}
	}
}
