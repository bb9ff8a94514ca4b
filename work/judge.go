package work

import "math"

// verdict is what a rule says about the answers of a group: that one is
// believed, that all are void, that the project's validator is to be asked; or
// how many more answers are wanted, counted with those under way.
type verdict struct {
	believed, void, ask bool
	sure                bool // believed by all of the threshold
	more                int
	digest              Digest
	output              []byte // computed; nil: the output of digest
	marks               []AttemptState
}

// judge applies the rule. An error is about an answer that the rule cannot
// read.
func (p *Policy) judge(answers []Answer, look *Look) (verdict, error) {
	switch p.Rule {
	case Equal:
		return equal(answers, int(p.GroupMax)), nil
	case Majority:
		return quorum(answers, int(p.GroupMax)/2+1), nil
	case Quorum:
		return quorum(answers, int(p.Quorum)), nil
	case Tolerance:
		return p.tolerant(answers)
	case Mean, Median:
		return p.average(answers)
	case Custom:
		if missing := int(p.GroupMax) - len(answers); missing > 0 {
			return verdict{more: missing}, nil
		}
		return verdict{ask: true}, nil
	}
	return credible(answers, p.Threshold, look), nil
}

// equal believes answers that are all the same.
func equal(answers []Answer, size int) verdict {
	for _, a := range answers {
		if a.Digest != answers[0].Digest {
			return verdict{void: true, more: size}
		}
	}
	if len(answers) < size {
		return verdict{more: size - len(answers)}
	}
	return believe(answers, answers[0].Digest)
}

// quorum believes the answer that n bees gave.
func quorum(answers []Answer, n int) verdict {
	votes, most := map[Digest]int{}, 0
	for _, a := range answers {
		votes[a.Digest]++
		if votes[a.Digest] >= n {
			return believe(answers, a.Digest)
		}
		most = max(most, votes[a.Digest])
	}
	return verdict{more: n - most}
}

// credible believes an answer whose probability reaches threshold. Two cases
// exclude each other and the rest: that one answer is right, and all who gave
// it reliable, all others not; or that nobody is. Those who are wrong are taken to
// agree, as if they had colluded.
func credible(answers []Answer, threshold float64, look *Look) verdict {
	nobody := 1.0
	for _, a := range answers {
		nobody *= 1 - a.Trust
	}
	if nobody == 0 { // somebody is trusted without limit
		nobody = math.SmallestNonzeroFloat64
	}
	sum, best, votes := nobody, 0.0, 0
	var leader Digest
	seen := map[Digest]bool{}
	for _, a := range answers {
		if a.Trust == 0 || seen[a.Digest] {
			continue
		}
		seen[a.Digest] = true
		odds, same := 1.0, 0
		for _, b := range answers {
			if b.Trust == 0 {
				continue // says nothing, for nor against
			}
			if b.Digest == a.Digest {
				same++
				odds *= b.Trust
			} else {
				odds *= 1 - b.Trust
			}
		}
		sum += odds
		if odds > best {
			best, leader, votes = odds, a.Digest, same
		}
	}
	sure := best/sum >= threshold
	likely := votes > 1 && best/sum >= 1-agreed*(1-threshold)
	switch {
	case likely && !sure && look.Hold:
		return verdict{}
	case sure || likely && votes >= look.Votes:
		v := believe(answers, leader)
		v.sure = sure
		return v
	}
	return verdict{more: 1}
}

// agreed is how much more doubt is allowed where several bees gave the answer. A
// bee that cheats now and then does most harm alone, when it has a good
// reputation; two that agree on something wrong must be of one gang and have met by
// chance, while they are young. With the default, two bees of which nothing is
// known suffice, so a mesh of two can work.
const agreed = 20

func believe(answers []Answer, digest Digest) verdict {
	v := verdict{believed: true, digest: digest, marks: make([]AttemptState, len(answers))}
	for i, a := range answers {
		v.marks[i] = Wrong
		if a.Digest == digest {
			v.marks[i] = Right
		}
	}
	return v
}
