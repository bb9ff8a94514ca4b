package participant

import "github.com/batchain/batchain/demo/bench/gossip/world"

// Table is every participant written in Go, by name.
var Table = map[string]world.Participant{
	oursName:     ours(),
	"memberlist": memberlistLAN(),
}
