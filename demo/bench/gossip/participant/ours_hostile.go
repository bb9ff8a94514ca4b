package participant

import "github.com/batchain/batchain/demo/bench/gossip/world"

func attackOurs(a world.Attack) error { return world.ErrNoSuchThing }
