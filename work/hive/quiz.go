package hive

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// quiz is a unit whose answer is sure, and of several bees: to those who have not
// seen it, it is as any other.
type quiz struct {
	quizRow
	place uint16
}

// maxQuizBees bounds how often one unit is a spot check.
const maxQuizBees = 64

func quizKey(id uint32, place uint16) []byte {
	return binary.BigEndian.AppendUint16(inProject(rowQuiz, id), place)
}

// keepQuiz keeps some of the units whose answer is sure and of several bees, in place of
// older ones: those who agreed first, then those who saw it, too. What two new bees
// agree on is believed, but nobody is to be exiled on their word. A transaction that is
// full already goes without.
func (t *turn) keepQuiz(p *project, u work.Unit, digest work.Digest, g *group, agreed []peer.ID) {
	full := len(p.quizzes) >= maxQuizzes
	if p.row.Project.Policy.Rule != work.Credible || p.row.Project.Policy.Checks <= 0 || (full && rand.IntN(8) > 0) || t.size >= maxBatchBytes {
		return
	}
	q := &quiz{quizRow: quizRow{Unit: u, Digest: digest, Bees: slices.Clone(agreed)}, place: uint16(len(p.quizzes))}
	for i := range g.Attempts {
		if id := g.Attempts[i].Peer; !slices.Contains(agreed, id) {
			q.Bees = append(q.Bees, id)
		}
	}
	if full {
		q.place = uint16(rand.IntN(maxQuizzes))
		p.quizzes[q.place] = q
	} else {
		p.quizzes = append(p.quizzes, q)
	}
	t.put(quizKey(p.id, q.place), &q.quizRow)
}
