package store

import "github.com/batchain/batchain/shard"

// upgradePage is how many rows one transaction of an upgrade looks at.
const upgradePage = 512

// upgrade brings an index of format 1 to format 2: leases and tombstones get
// their rows se, and places are counted and charged. What a crash leaves half
// done is gone on with: a row that has its row se is done.
func (s *Store) upgrade() error {
	for _, kind := range []string{keyLease, keyTomb} {
		var after []byte
		for more := true; more; {
			page, err := s.page(kind, after, upgradePage)
			if err != nil {
				return err
			}
			err = s.update(func(b *batch) error {
				for _, tail := range page {
					if err := b.upgradeRow(kind, tail); err != nil {
						return err
					}
				}
				return nil
			}, nil)
			if err != nil {
				return err
			}
			s.at("page upgraded")
			if more = len(page) == upgradePage; more {
				after = page[len(page)-1]
			}
		}
	}
	return nil
}

func (b *batch) upgradeRow(kind string, tail []byte) error {
	if kind == keyTomb {
		var row tombRow
		if _, err := b.get(tombKey(admin(tail)), &row); err != nil {
			return err
		}
		return b.reschedule(tombKey(admin(tail)), 0, row.Until)
	}
	id, owner := shard.ID(tail[:32]), admin(tail[32:])
	var row leaseRow
	if _, err := b.get(leaseKey(id, owner), &row); err != nil {
		return err
	}
	if done, err := b.get(dueKey(row.due(), leaseKey(id, owner)), nil); err != nil || done {
		return err
	}
	b.count.Places += int64(len(row.Places))
	if err := b.charge(row.payer(), placeCost*int64(len(row.Places))); err != nil {
		return err
	}
	return b.reschedule(leaseKey(id, owner), 0, row.due())
}
