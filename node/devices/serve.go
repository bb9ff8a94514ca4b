package devices

import (
	"bufio"
	"context"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard/catalogue"
	"github.com/batchain/batchain/wire"
)

const (
	maxGuest    = 4                // streams of one peer
	maxUnproven = 16               // streams of all who have not proved themselves, but for those with a mark
	proveTime   = 5 * time.Second  // to prove itself
	idleTime    = 30 * time.Second // for each read and write afterwards
)

// handle serves a stream that a peer opened: nothing before it has proved itself.
func (d *Devices) handle(s network.Stream) {
	ctx, ok := d.begin()
	if !ok {
		_ = s.Reset()
		return
	}
	defer d.jobs.Done()
	p := s.Conn().RemotePeer()
	proved, leave, ok := d.admit(p)
	if !ok {
		_ = s.Reset()
		return
	}
	defer leave()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	_ = s.SetDeadline(time.Now().Add(proveTime))
	why, err := pair{d.key, d.cfg.Mesh, p, d.cfg.Host.ID()}.answer(s)
	if err != nil {
		d.log.Debug("a peer is no device of ours", "peer", p, "err", err)
		_ = s.Reset()
		return
	}
	proved()
	_ = s.SetDeadline(time.Time{})
	switch why {
	case purposeList:
		err = d.share(ctx, p, s, true)
	case purposeAsk:
		err = d.answer(paced{s})
	default:
		err = wire.WriteError(s, wire.ErrUnsupported)
	}
	if err != nil {
		d.log.Debug("a device's stream ended", "peer", p, "err", err)
		_ = s.Reset()
		return
	}
	_ = s.Close()
}

// admit counts a stream of a peer in, if there is room: proved is called when it
// has proved itself, leave at its end.
func (d *Devices) admit(p peer.ID) (proved, leave func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	stranger := !d.marked[p]
	if d.guests[p] >= maxGuest || stranger && d.unproven >= maxUnproven {
		return nil, nil, false
	}
	d.guests[p]++
	if stranger {
		d.unproven++
	}
	proved = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if stranger {
			stranger = false
			d.unproven--
		}
	}
	leave = func() {
		proved()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.guests[p]--; d.guests[p] == 0 {
			delete(d.guests, p)
		}
	}
	return proved, leave, true
}

// paced is a stream whose every read and write must not take too long.
type paced struct{ network.Stream }

// Read reads.
func (s paced) Read(p []byte) (int, error) {
	_ = s.SetReadDeadline(time.Now().Add(idleTime))
	return s.Stream.Read(p)
}

// Write writes.
func (s paced) Write(p []byte) (int, error) {
	_ = s.SetWriteDeadline(time.Now().Add(idleTime))
	return s.Stream.Write(p)
}

// answer answers a device's questions until it has no more.
func (d *Devices) answer(rw io.ReadWriter) error {
	out := bufio.NewWriterSize(rw, 64<<10)
	for {
		payload, err := expect(rw, kindAsk, maxAsk)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		m, err := parseAsk(payload)
		if err != nil {
			return err
		}
		known, err := d.cfg.List.Known(m.Files...)
		if err != nil {
			return err
		}
		for _, id := range m.Files {
			if err := d.tell(out, known[id], m.Manifests); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// tell answers for one file.
func (d *Devices) tell(w io.Writer, k catalogue.Known, manifest bool) error {
	switch {
	case k.Gone:
		return wire.WriteMessage(w, kindFile, fileMessage{State: stateGone})
	case k.Over:
		return wire.WriteMessage(w, kindFile, fileMessage{State: stateOver})
	case !k.AtHome:
		return wire.WriteMessage(w, kindFile, fileMessage{State: stateUnknown})
	case !manifest:
		return wire.WriteMessage(w, kindFile, fileMessage{State: stateHere, Added: k.Added.Unix(), Of: k.Of})
	}
	file, err := d.cfg.List.Manifest(k.File)
	if err != nil {
		return wire.WriteMessage(w, kindFile, fileMessage{State: stateUnknown})
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() > maxManifest {
		return wire.WriteMessage(w, kindFile, fileMessage{State: stateUnknown})
	}
	if err := wire.WriteMessage(w, kindFile, fileMessage{State: stateHere, Added: k.Added.Unix(), Of: k.Of, Length: info.Size()}); err != nil {
		return err
	}
	_, err = io.CopyN(w, file, info.Size())
	return err
}
