package node_test

import (
	"strings"
	"testing"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
)

// TestListOfFilesHasKeepers: the owner's list of files finds keepers by itself once
// there is a file, and no put waits for that.
func TestListOfFilesHasKeepers(t *testing.T) {
	c := nodetest.New(t, 4, nodetest.Options{})
	owner, none := c.Nodes[0].Node(), 0
	_, err := owner.Put(within(t), control.PutRequest{Name: "first", Size: 5, Scheme: "1+0", Keepers: &none}, strings.NewReader("first"), quiet)
	must(t, err)
	c.Wait("the list has a keeper", func() bool {
		for _, other := range c.Nodes[1:] {
			if other.Node().KeepsListOf(within(t), owner) {
				return true
			}
		}
		return false
	})
}
