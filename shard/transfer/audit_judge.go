package transfer

import "github.com/batchain/batchain/shard"

// verify says what a slice shows of the shard that it was asked of.
func (a *auditor) verify(c challenge, slice []byte) verdict {
	if len(slice) == 0 {
		return verdictMissing
	}
	if _, err := shard.VerifyLeaf(c.id, int(a.s.contents.lengths[c.place.segment()]), c.leaf, slice); err != nil {
		return verdictWrong
	}
	return verdictOK
}

// judged takes in how a host's challenges went.
func (h *surveyed) judged(all []challenge, err error) {
	if found(all, verdictWrong) {
		h.state, h.why = verdictWrong, "sent other bytes than those that were stored"
	} else if err != nil {
		h.state, h.why = stateOf(err), reason(err)
	}
	for _, c := range all {
		if c.verdict == verdictMissing {
			i, _ := findHolding(h.shards, c.place)
			h.shards[i] = h.shards[i].with(verdictMissing)
		}
	}
	if h.state != verdictOK {
		h.rule(h.state)
	}
}

// rest judges what a closer look at no more than most shards left out, by what it
// saw.
func (h *surveyed) rest(looked []challenge, most int) {
	lost := 0
	for _, c := range looked {
		if c.verdict == verdictMissing {
			lost++
		}
	}
	if lost*10 < len(looked) || len(looked) < most {
		return
	}
	seen := map[holding]bool{}
	for _, c := range looked {
		seen[c.place] = true
	}
	for i, at := range h.shards {
		if !seen[at.with(verdictNone)] {
			h.shards[i] = at.with(verdictMissing)
		}
	}
}

// rule puts a verdict on every shard that the host does not admit to miss.
func (h *surveyed) rule(v verdict) {
	for i, at := range h.shards {
		if at.verdict() != verdictMissing {
			h.shards[i] = at.with(v)
		}
	}
}

func count(all [][]challenge) (n int) {
	for _, some := range all {
		if len(some) > 0 {
			n++
		}
	}
	return n
}

func found(all []challenge, v verdict) bool {
	for _, c := range all {
		if c.verdict == v {
			return true
		}
	}
	return false
}

// wrong counts the shards that were found wrong.
func (h *surveyed) wrong() (n int) {
	for _, at := range h.shards {
		if at.verdict() == verdictWrong {
			n++
		}
	}
	return n
}
