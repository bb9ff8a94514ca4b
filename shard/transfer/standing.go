package transfer

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Members tells what is known of peers without asking them; gossip is behind
// it. All of it is hearsay: it says who is asked first, and who is asked only
// when the others do not do. It never says that something is lost.
type Members interface {
	// Standing returns what is known of a peer. It does not block.
	Standing(p peer.ID) Standing
}

// Standing is what is known of a peer.
type Standing struct {
	Life    Life
	Free    int64  // bytes that it says it would take; below 0: it says nothing
	Load    int64  // streams that it says it serves
	Network string // that it says it is in; "": it says nothing
}

// Life says whether a peer is thought to live.
type Life uint8

// What is thought of a peer's life.
const (
	Unheard  Life = iota // nothing is known
	Alive                // its heartbeats come
	Doubtful             // they stay away, and it is being asked why
	Gone                 // they stay away, or it said goodbye
)

// standing is what is known of a peer, by whoever tells.
func (e *Engine) standing(p peer.ID) Standing {
	if e.cfg.Members == nil {
		return Standing{Free: -1}
	}
	return e.cfg.Members.Standing(p)
}

// passedOver reports whether a peer is not worth a dial while there are others:
// it does not live, or has no room for so many bytes.
func (s Standing) passedOver(bytes int64) bool {
	return s.Life == Gone || s.Life == Doubtful || s.Free >= 0 && s.Free < bytes
}

// busy is the load from which on a host counts as slow.
const busy = 8

// class ranks a host that takes shards: of those that are alike otherwise, the
// ones with plenty of room and little to do come first.
func (s Standing) class(bytes, free int64) (class int) {
	if free < 4*bytes {
		class++
	}
	if s.Load >= busy {
		class++
	}
	return class
}

// askRest asks those who were passed over, when without them there are too few,
// or when they are so many that rather hearsay is wrong than all of them are
// gone. Enough is how many must take something.
func (e *Engine) askRest(ctx context.Context, g *gathering, enough int) {
	takes := 0
	for _, a := range g.answers {
		if a.takes {
			takes++
		}
	}
	if len(g.passed) == 0 || takes >= enough && takes >= len(g.passed) {
		return
	}
	e.log.InfoContext(ctx, "peers are asked that are said to be gone or full", "peers", len(g.passed), "others", takes)
	for _, p := range g.passed {
		g.ask(ctx, p)
	}
	g.wait.Wait()
	g.passed = nil
}
