package keeper

import "github.com/batchain/batchain/shard"

// Resign lets a file go because this node is about to become its host: a shard
// with a host is worth more than one keeper of several, and nobody should be
// both. The others notice that it is gone and look for another. It may be
// entrusted with the file again when it holds nothing of it any more.
func (k *Keeper) Resign(grant shard.Grant) error {
	k.mu.Lock()
	c := k.charges[ownerOf(grant)]
	k.mu.Unlock()
	if c == nil || c.Manifest == 0 {
		return nil
	}
	return k.drop(c)
}
