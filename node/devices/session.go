package devices

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/wire"
)

const (
	maxSessions = 32               // devices that share the list at once
	openTime    = 15 * time.Second // to reach a device and to prove each other
	graceTime   = 3 * time.Second  // for the device of the lower id to open the stream
	firstPause  = time.Second      // after a try that failed, doubled up to
	longPause   = 2 * time.Minute
	lookEvery   = time.Minute // for members, where gossip told nothing
)

// session is a stream over which the list is replicated with a device.
type session struct {
	theirs bool // who opened it
	equal  bool // both have all that either had
	cancel context.CancelFunc
}

// attempt is how far we are with a device that there is no session with.
type attempt struct {
	after time.Time // when it is tried (again)
	pause time.Duration
	busy  bool
}

// ending is the end of a try.
type ending struct {
	peer   peer.ID
	lasted time.Duration
}

// meet opens sessions with members that have a mark of ours, until ctx ends.
func (d *Devices) meet(ctx context.Context) {
	tries := map[peer.ID]*attempt{}
	ended := make(chan ending)
	for {
		wait := d.approach(ctx, tries, ended)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case e := <-ended:
			t := tries[e.peer]
			if t.busy = false; e.lasted > openTime {
				t.pause = firstPause
			}
			t.after = time.Now().Add(t.pause)
			t.pause = min(2*t.pause, longPause)
		case <-d.look:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// approach tries everybody whose time has come, and returns when to look again.
func (d *Devices) approach(ctx context.Context, tries map[peer.ID]*attempt, ended chan<- ending) time.Duration {
	marked, now, wait := d.recognise(), time.Now(), lookEvery
	for p := range tries {
		if !marked[p] && !tries[p].busy {
			delete(tries, p)
		}
	}
	for p := range marked {
		t := tries[p]
		if t == nil {
			t = &attempt{after: now, pause: firstPause}
			if d.cfg.Host.ID() > p {
				t.after = now.Add(graceTime)
			}
			tries[p] = t
		}
		switch {
		case t.busy:
		case d.shares(p):
			t.pause = firstPause
		case now.Before(t.after):
			wait = min(wait, t.after.Sub(now))
		default:
			d.try(ctx, p, t, ended)
		}
	}
	return wait
}

func (d *Devices) try(ctx context.Context, p peer.ID, t *attempt, ended chan<- ending) {
	if _, ok := d.begin(); !ok {
		return
	}
	t.busy = true
	go func() {
		defer d.jobs.Done()
		began := time.Now()
		err := d.connect(ctx, p)
		d.log.Debug("the list is not shared with a device any more", "peer", p, "err", err)
		select {
		case ended <- ending{p, time.Since(began)}:
		case <-ctx.Done():
		}
	}()
}

// recognise returns the members with a mark of ours. Sessions with those that do
// not live any more end: a frozen machine does not close its own.
func (d *Devices) recognise() map[peer.ID]bool {
	marked := map[peer.ID]bool{}
	for _, m := range d.cfg.Members() {
		if m.Peer != d.cfg.Host.ID() && d.key.marks(m.Peer, m.Mark) {
			marked[m.Peer] = true
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, s := range d.sessions {
		if d.marked[p] && !marked[p] {
			s.cancel()
		}
	}
	d.marked = marked
	return marked
}

func (d *Devices) shares(p peer.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sessions[p] != nil
}

// connect opens a session with a device and stays until it ends.
func (d *Devices) connect(ctx context.Context, p peer.ID) error {
	s, err := d.stream(ctx, p, purposeList)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	return d.share(ctx, p, s, false)
}

// stream opens a proven stream to a device.
func (d *Devices) stream(ctx context.Context, p peer.ID, why purpose) (network.Stream, error) {
	opening, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	s, err := d.cfg.Host.NewStream(network.WithAllowLimitedConn(opening, "devices"), p, ProtocolID(d.cfg.Mesh))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(opening, func() { _ = s.Reset() })
	err = pair{d.key, d.cfg.Mesh, d.cfg.Host.ID(), p}.open(s, why)
	if !stop() && err == nil {
		err = context.Cause(opening)
	}
	if err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, nil
}

// share replicates the list over a proven stream until it ends.
func (d *Devices) share(ctx context.Context, p peer.ID, s network.Stream, theirs bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mine := &session{theirs: theirs, cancel: cancel}
	if !d.enter(p, mine) {
		_ = s.Reset()
		return wire.ErrBusy
	}
	defer d.exit(p, mine)
	return d.replica.Replicate(ctx, s, replica.StreamOptions{Tail: true, OnSynced: func() {
		d.mu.Lock()
		mine.equal = true
		d.mu.Unlock()
		d.Changed()
	}})
}

// enter makes a session the one with a device. When both open one at once, that of
// the lower id stays; of two that the same side opened, the later.
func (d *Devices) enter(p peer.ID, mine *session) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.sessions[p]; old != nil {
		if theirsWins := p < d.cfg.Host.ID(); old.theirs != mine.theirs && mine.theirs != theirsWins {
			return false
		}
		old.cancel()
	} else if len(d.sessions) >= maxSessions {
		return false
	}
	d.sessions[p], d.known[p] = mine, true
	d.log.Info("the list of files is shared with another device", "peer", p)
	return true
}

func (d *Devices) exit(p peer.ID, mine *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sessions[p] == mine {
		delete(d.sessions, p)
	}
	d.Look()
}

// part ends the session with a device, if there is one; it may begin anew.
func (d *Devices) part(p peer.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.sessions[p]; s != nil {
		s.equal = false
		s.cancel()
	}
}

// partners are the devices that this one's list is equal with.
func (d *Devices) partners() []peer.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []peer.ID
	for p, s := range d.sessions {
		if s.equal {
			all = append(all, p)
		}
	}
	return all
}
