package kad

import (
	"context"
	"fmt"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

// pageSize is how many rows a query reads in one transaction.
const pageSize = 256

// Query yields rows below q.Prefix in key order, if no other order is asked.
func (r *rows) Query(_ context.Context, q query.Query) (query.Results, error) {
	below := r.prefix + strings.TrimSuffix(datastore.NewKey(q.Prefix).String(), "/") + "/"
	p := &pager{rows: r, query: q, below: []byte(below), from: []byte(below)}
	return query.NaiveQueryApply(q, query.ResultsFromIterator(q, query.Iterator{Next: p.next})), nil
}

// pager reads rows page by page.
type pager struct {
	rows  *rows
	query query.Query
	below []byte
	from  []byte // the first row of the next page; nil after the last
	page  []query.Entry
}

func (p *pager) next() (query.Result, bool) {
	if len(p.page) == 0 && p.from != nil {
		if err := p.read(); err != nil {
			p.from = nil
			return query.Result{Error: fmt.Errorf("datastore query: %w", err)}, true
		}
	}
	if len(p.page) == 0 {
		return query.Result{}, false
	}
	entry := p.page[0]
	p.page = p.page[1:]
	return query.Result{Entry: entry}, true
}

func (p *pager) read() error {
	return p.rows.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{
			PrefetchValues: !p.query.KeysOnly, PrefetchSize: pageSize, Prefix: p.below,
		})
		defer it.Close()
		for it.Seek(p.from); it.Valid(); it.Next() {
			if len(p.page) == pageSize {
				p.from = it.Item().KeyCopy(nil)
				return nil
			}
			entry, err := p.entry(it.Item())
			if err != nil {
				return err
			}
			p.page = append(p.page, entry)
		}
		p.from = nil
		return nil
	})
}

func (p *pager) entry(item *badger.Item) (query.Entry, error) {
	entry := query.Entry{Key: string(item.Key()[len(p.rows.prefix):])}
	if p.query.KeysOnly && !p.query.ReturnsSizes {
		return entry, nil
	}
	value, err := item.ValueCopy(nil)
	entry.Size = len(value)
	if !p.query.KeysOnly {
		entry.Value = value
	}
	return entry, err
}
