package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
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
