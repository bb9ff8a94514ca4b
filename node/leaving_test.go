package node_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
)

// TestLeave: a host hands its shards on and ends, and the file has all its
// hosts; where nobody has room for them the host goes on, and may end all the
// same when it is told so.
func TestLeave(t *testing.T) {
	c := nodetest.New(t, 6, nodetest.Options{})
	owner, none := c.Client(), 0
	put, text := store(t, owner, "holiday.tar", control.PutRequest{Keepers: &none})
	hosts := hostsOf(t, c)
	leaver, gone := hosts[0], hosts[0].Node().ID().String()
	r, err := leaver.Node().Leave(within(t), control.LeaveRequest{Evacuate: true}, quiet)
	must(t, err)
	if r.Shards != 1 || r.Moved != 1 || r.Left != 0 || r.NotesLeft != 0 || r.Bytes == 0 {
		t.Errorf("left: %+v", r)
	}
	if err := leaver.Ended(); !errors.Is(err, node.ErrLeft) {
		t.Errorf("it ended with %v", err)
	}
	clean(t, owner, put.Manifest)
	if _, r := audited(t, owner, put.Manifest); slices.ContainsFunc(r.Hosts, func(h control.HostVerdict) bool { return h.Peer == gone }) {
		t.Errorf("the one that left is a host still: %+v", r.Hosts)
	}

	stays := hosts[1]
	r, err = stays.Node().Leave(within(t), control.LeaveRequest{Evacuate: true}, quiet)
	must(t, err)
	if r.Shards != 1 || r.Moved != 0 || r.Left != 1 {
		t.Errorf("with nobody to take its shard: %+v", r)
	}
	clean(t, owner, put.Manifest)
	if again, _ := store(t, owner, "another", control.PutRequest{Keepers: &none}); again.Hosts != 5 {
		t.Errorf("it takes nothing any more: %+v", again)
	}
	_, err = stays.Node().Leave(within(t), control.LeaveRequest{}, quiet)
	must(t, err)
	if err := stays.Ended(); !errors.Is(err, node.ErrLeft) {
		t.Errorf("it ended with %v", err)
	}
	sameBytes(t, owner, put.Manifest, text)
}
