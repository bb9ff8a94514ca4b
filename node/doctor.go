package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/labour"
)

// Finding is what one check found.
type Finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"` // what to do
}

func fine(check, format string, args ...any) Finding {
	return Finding{Check: check, OK: true, Text: fmt.Sprintf(format, args...)}
}

func wrong(check, hint, format string, args ...any) Finding {
	return Finding{Check: check, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// Examine checks what of a node can be checked from outside: identity, clock,
// disk and, when it does not run, its ports. It changes nothing.
func Examine(cfg Config, running bool) []Finding {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return []Finding{wrong("config", "batchain config check", "%v", err)}
	}
	home := Home(cfg.Home)
	found := []Finding{examineIdentity(home), examineClock(home), examineDisk(home)}
	found = append(found, examineSandbox()...)
	if running {
		return found
	}
	if err := portsFree(cfg.Listen); err != nil {
		return append(found, wrong("ports", "batchain node --listen /ip4/0.0.0.0/tcp/4171", "%v", err))
	}
	return append(found, fine("ports", "free: %v", cfg.Listen))
}

func examineIdentity(home Home) Finding {
	if _, err := os.Stat(home.identity()); errors.Is(err, fs.ErrNotExist) {
		return fine("identity", "there is none; the first start makes it")
	}
	key, err := loadIdentity(home.identity())
	if err != nil {
		return wrong("identity", "chmod 600 "+home.identity(), "%v", err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return wrong("identity", "", "%v", err)
	}
	return fine("identity", "%s", id)
}

// examineSandbox tells which walls stand around units of work. What is missing is
// no fault of a node that does none; it is told.
func examineSandbox() []Finding {
	var found []Finding
	for _, layer := range labour.Layers() {
		text := layer.Detail
		if !layer.Holds {
			text = "does not hold here: no command can be allowed to units of work. " + text
		}
		found = append(found, fine("sandbox "+layer.Name, "%s", text))
	}
	return found
}

// clockSlack is how far in the future a file may have been written.
const clockSlack = 5 * time.Minute

// examineClock compares the clock with what this node wrote last: leases and
// orders carry times, and a clock that went back makes them wrong.
func examineClock(home Home) Finding {
	now := time.Now()
	if info, err := os.Stat(home.peers()); err == nil && info.ModTime().After(now.Add(clockSlack)) {
		return wrong("clock", "set the clock", "%s, but %s was written at %s", now.UTC().Format(time.RFC3339), home.peers(), info.ModTime().UTC().Format(time.RFC3339))
	}
	return fine("clock", "%s", now.UTC().Format(time.RFC3339))
}

func examineDisk(home Home) Finding {
	at := string(home)
	if _, err := os.Stat(at); err != nil {
		return fine("disk", "%s is not there yet", at)
	}
	free, err := disk.Free(at)
	if err != nil {
		return wrong("disk", "", "%v", err)
	}
	if free < minFree {
		return wrong("disk", "give less with --capacity, or make room", "%s free at %s: no shards are taken in below %s", humanize.IBytes(uint64(free)), at, humanize.IBytes(minFree))
	}
	return fine("disk", "%s free at %s", humanize.IBytes(uint64(free)), at)
}

// ExamineStatus judges how a running node is reached by others, and why.
func ExamineStatus(s control.Status) []Finding {
	found := []Finding{examineReach(s)}
	if s.Peers == 0 {
		return append(found, wrong("peers", "give the address of one with --bootstrap", "no peer is connected"))
	}
	return append(found, fine("peers", "%s connected", english.Plural(s.Peers, "peer", "")))
}

func examineReach(s control.Status) Finding {
	const check = "reachability"
	r := s.Reach
	switch {
	case s.Reachability == "loopback" || s.Reachability == "client":
		return fine(check, "%s only", s.Reachability)
	case r == nil:
		return fine(check, "%s", s.Reachability)
	case len(r.Reachable) > 0:
		return fine(check, "anybody can dial this node: peers have, at %s", r.Reachable[0])
	case s.Reachability == "public":
		return fine(check, "anybody can dial this node: peers have")
	case r.NAT == "none" && s.Reachability != "private":
		return fine(check, "no NAT is between this node and others; none has tried to dial it yet")
	case r.NAT == "none":
		return wrong(check, "let TCP and UDP port 4170 in", "this machine has a public address, and a firewall keeps others out")
	case len(r.Mapped) > 0:
		return fine(check, "the gate maps a port to this node: %s", r.Mapped[0])
	case r.NAT == "random":
		return wrong(check, "turn on UPnP or NAT-PMP at the router, or forward TCP and UDP port 4170 to this machine",
			"behind a NAT that takes another port for each peer: only peers that can be dialled themselves reach this node%s", overRelays(r))
	case r.NAT == "keeps":
		return fine(check, "behind a NAT that keeps ports: peers reach this node by way of a third%s", overRelays(r))
	case s.Reachability == "private":
		return wrong(check, "forward TCP and UDP port 4170 to this machine, or turn on UPnP at the router",
			"others cannot dial this node, and what the NAT does is not known: nobody could be asked over UDP%s", overRelays(r))
	}
	return fine(check, "not known yet: too few peers were asked")
}

func overRelays(r *control.Reach) string {
	if len(r.Relays) == 0 {
		return ""
	}
	return fmt.Sprintf(", or over %s", english.Plural(len(r.Relays), "relay", ""))
}
