package transfer

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize/english"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// lack is what is under receipt and not confirmed.
type lack struct {
	shards  int
	movable int // of those, how many others could take now
}

// lacking counts what hosts did not confirm.
func (p *put) lacking(count int) (sum lack, err error) {
	err = p.eachPlaced(count, func(number uint32, placed []placedShard) error {
		l := load{}
		for _, at := range placed {
			if p.stands(at.Host, number, at.Index) {
				l[at.Host]++
			}
		}
		missing := len(placed)
		for _, n := range l {
			missing -= n
		}
		if missing > 0 {
			sum.shards += missing
			sum.movable += min(missing, p.roster.room(l))
		}
		return nil
	})
	return sum, err
}

// predates reports whether a host does not know RENEW: it does not know drafts
// either, so its receipt stands for the whole lease.
func predates(err error) bool { return errors.Is(err, wire.ErrUnsupported) }

// stands reports whether a host confirmed a shard, or was not asked to yet.
func (p *put) stands(h peer.ID, segment uint32, index uint8) bool {
	if p.kept == nil {
		return true
	}
	k, asked := p.kept[h]
	_, found := findHolding(k.places, newHolding(segment, index))
	return found || asked && predates(k.err)
}

// judgeConfirmed says whether enough of every segment is confirmed. When it is
// not, the next try does not count the receipts of the hosts that did not.
func (p *put) judgeConfirmed(count int) error {
	enough, want := p.scheme.Enough(), p.scheme.Shards()
	var short *ShortError
	doubtful := map[peer.ID]bool{}
	err := p.eachPlaced(count, func(number uint32, placed []placedShard) error {
		for _, at := range placed {
			if !p.stands(at.Host, number, at.Index) {
				doubtful[at.Host] = true
			}
		}
		switch have := len(p.confirmed(number, placed)); {
		case have < enough && short == nil:
			short = &ShortError{Scheme: p.scheme, Need: enough, Have: have, Known: p.known, Refused: p.unconfirmed(), Segment: int(number)}
		case have < want:
			p.fellShort(fmt.Sprintf("segment %d is confirmed by %s of %d", number, english.Plural(have, "host", ""), want))
		}
		return nil
	})
	if err != nil || short == nil {
		return err
	}
	err = short
	for h := range doubtful {
		err = errors.Join(err, p.journal.append(recordDoubt, doubt{h}, false))
	}
	return err
}

// unconfirmed counts why hosts were given up, or did not confirm.
func (p *put) unconfirmed() map[string]int {
	why := p.roster.reasons()
	for h, k := range p.kept {
		if stateOf(k.err) == verdictUnreachable && !p.roster.gaveUp(h) {
			why[reason(k.err)]++
		}
	}
	return why
}

// eachPlaced tells of every segment which of its shards are under receipt.
func (p *put) eachPlaced(count int, tell func(number uint32, placed []placedShard) error) error {
	for number := range uint32(count) {
		_, done, err := p.journal.finished(number)
		if err == nil {
			err = tell(number, done.Placed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
