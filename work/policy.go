package work

import (
	"cmp"
	"errors"
	"fmt"
)

// Rule is how the results of a workgroup are judged. It is stored: append
// only.
type Rule uint8

// The rules.
const (
	// Credible believes an answer once it is right with probability Threshold,
	// as far as the reputations of those who gave it tell; spot checks and
	// votes make reputations. It is the default.
	Credible Rule = 1
	// Equal wants GroupMax answers, all the same. If they are not, they are all
	// forgotten, and other bees are asked.
	Equal Rule = 2
	// Majority believes the answer of more than half of GroupMax bees.
	Majority Rule = 3
	// Quorum believes the first answer that Quorum bees gave.
	Quorum Rule = 4
	// Tolerance believes the first answer that Quorum bees gave, where answers are
	// numbers (JSON: one, or an array of them) that may differ by Absolute
	// plus Relative times their size.
	Tolerance Rule = 5
	// Mean takes the mean of the numbers of GroupMax answers.
	Mean Rule = 6
	// Median takes the median of the numbers of GroupMax answers.
	Median Rule = 7
	// Custom asks the project's own [Validator] about GroupMax answers.
	Custom Rule = 8
)

// Policy says when the results of a unit are believed, and whom they may come
// from. Zero fields are the defaults.
type Policy struct {
	Rule     Rule    `cbor:"1,keyasint,omitempty"` // Credible
	GroupMax uint16  `cbor:"2,keyasint,omitempty"` // answers that complete a workgroup, where the rule counts them; 10
	Quorum   uint16  `cbor:"3,keyasint,omitempty"` // answers that agree; 2
	Absolute float64 `cbor:"4,keyasint,omitempty"` // of Tolerance
	Relative float64 `cbor:"5,keyasint,omitempty"` // of Tolerance; 1e-9 when Absolute is 0, too
	Attempts uint16  `cbor:"6,keyasint,omitempty"` // at one unit, before it fails; 32, or three groups
	Errors   uint16  `cbor:"7,keyasint,omitempty"` // of the program in different bees, before the unit fails; 3
	Networks uint16  `cbor:"8,keyasint,omitempty"` // members of a group from one /24 or /48; 2
	Own      bool    `cbor:"9,keyasint,omitempty"` // the hive's own peer may be a member
	// Threshold is the probability at which Credible believes; 0.999. A bee is
	// believed alone after Faulty/((1-Faulty)·e·(1-Threshold)) comparisons, 41 with the
	// defaults; so young bees are dear, and old ones cheap.
	Threshold float64 `cbor:"10,keyasint,omitempty"`
	// Faulty is the share of bees that is expected to cheat at most; 0.1. Below
	// it Credible keeps what it promises, above it does not.
	Faulty float64 `cbor:"11,keyasint,omitempty"`
	// Checks is the share of assignments that are spot checks: units whose
	// answer is known; 0.05. Below 0 there are none.
	Checks float64 `cbor:"12,keyasint,omitempty"`
	// Loose leaves fuel out of the comparison of answers: for programs whose
	// fuel is not counted, or not deterministic.
	Loose bool `cbor:"13,keyasint,omitempty"`
}

// WithDefaults returns p with every default in its place.
func (p Policy) WithDefaults() Policy {
	p.Rule = cmp.Or(p.Rule, Credible)
	p.GroupMax = cmp.Or(p.GroupMax, 10)
	p.Quorum = cmp.Or(p.Quorum, 2)
	if p.Absolute == 0 {
		p.Relative = cmp.Or(p.Relative, 1e-9)
	}
	p.Attempts = cmp.Or(p.Attempts, min(MaxAttempts, max(32, 3*p.GroupMax)))
	p.Errors = cmp.Or(p.Errors, 3)
	p.Networks = cmp.Or(p.Networks, 2)
	p.Threshold = cmp.Or(p.Threshold, 0.999)
	p.Faulty = cmp.Or(p.Faulty, 0.1)
	p.Checks = cmp.Or(p.Checks, 0.05)
	return p
}

// Validate returns an error unless p, with its defaults, can be kept.
func (p Policy) Validate() error {
	switch {
	case p.Rule < Credible || p.Rule > Custom:
		return fmt.Errorf("policy: rule %d is unknown", p.Rule)
	case p.Attempts > MaxAttempts || p.GroupMax > p.Attempts || p.Quorum > p.Attempts:
		return fmt.Errorf("policy: %d attempts, groups of %d, a quorum of %d; at most %d attempts are allowed", p.Attempts, p.GroupMax, p.Quorum, MaxAttempts)
	case !(p.Absolute >= 0) || !(p.Relative >= 0):
		return errors.New("policy: a tolerance is negative or no number")
	case !(p.Threshold > 0.5 && p.Threshold < 1):
		return errors.New("policy: a threshold is between 0.5 and 1")
	case !(p.Faulty > 0 && p.Faulty < 0.5):
		return errors.New("policy: the share of faulty bees is between 0 and 0.5")
	case !(p.Checks <= 0.5):
		return errors.New("policy: at most half of all assignments may be spot checks")
	}
	return nil
}

// readsOutputs reports whether answers are judged by more than their digests.
func (p Policy) readsOutputs() bool { return p.Rule >= Tolerance && p.Rule <= Custom }
