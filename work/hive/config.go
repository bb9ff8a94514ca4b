package hive

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/work"
)

// Config is what a [Hive] needs. Dir and Self must be set; other zero fields
// are the defaults.
type Config struct {
	Dir  string  // the database; made if missing. Nothing else may write to it
	Self peer.ID // the hive's own peer: proofs of work are bound to it

	// Strength is the proof of work asked of a new bee, in bits;
	// [work.DefaultStrength]. Below 0 none is asked.
	Strength int
	// Ticket is how long an admission lasts; 7 days. Results that are taken
	// renew it.
	Ticket time.Duration
	// Closed takes no new bees, save those in Allow.
	Closed bool
	// Allow lists bees that are admitted without proof of work.
	Allow []peer.ID
	// Deny lists bees that are never admitted, whatever they have proven.
	Deny []peer.ID

	// JudgeTimeout is how long a project's own validator may take for one group,
	// and a Source for one unit; 30 s.
	JudgeTimeout time.Duration
	// Judges is how many validators run at once; 4.
	Judges int

	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // nil: time.Now
}

func (c Config) withDefaults() Config {
	c.Strength = cmp.Or(c.Strength, work.DefaultStrength)
	c.Ticket = cmp.Or(c.Ticket, 7*24*time.Hour)
	c.JudgeTimeout = cmp.Or(c.JudgeTimeout, 30*time.Second)
	c.Judges = cmp.Or(c.Judges, 4)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Bounds of what a hive keeps in memory and on the disk.
const (
	maxProjects = 4096
	maxOpen     = 1 << 15 // open workgroups of one project; beyond it no unit is begun
	maxLook     = 1024    // groups looked at for one assignment
	maxEvents   = 1 << 16 // events kept
	maxQuizzes  = 64      // units of one project kept for spot checks
	maxDeclined = 1024    // bees of one project that are remembered as giving too little
	maxCursors  = 64      // consumers of one project
)
