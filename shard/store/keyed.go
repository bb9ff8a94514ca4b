package store

import (
	"sync"

	"github.com/batchain/batchain/shard"
)

// fileLocks has a lock for every shard whose file is being placed or removed.
type fileLocks struct {
	mu   sync.Mutex
	held map[shard.ID]*fileLock
}

type fileLock struct {
	sync.Mutex
	users int
}

// lock waits for the shard's lock and returns what gives it back.
func (l *fileLocks) lock(id shard.ID) (unlock func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held = make(map[shard.ID]*fileLock)
	}
	lock := l.held[id]
	if lock == nil {
		lock = new(fileLock)
		l.held[id] = lock
	}
	lock.users++
	l.mu.Unlock()
	lock.Lock()
	return func() {
		lock.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if lock.users--; lock.users == 0 {
			delete(l.held, id)
		}
	}
}
