package node_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
	"github.com/batchain/batchain/shard"
)

// ownedBy lets nodes from the third on belong to one owner, the others each to its own.
func ownedBy(t *testing.T, seed shard.Seed) func(int, *node.Config) {
	return func(i int, c *node.Config) {
		if i >= 2 {
			must(t, os.MkdirAll(c.Home, 0o700))
			must(t, node.AdoptOwnerKey(c.Home, seed))
		}
	}
}

// lists reports whether a home lists exactly the files of these names.
func lists(t *testing.T, m *nodetest.Member, want ...string) bool {
	t.Helper()
	files, err := node.Files(m.Config().Home)
	must(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return slices.Equal(names, want)
}

func putSmall(t *testing.T, m *nodetest.Member, name string) {
	t.Helper()
	path, _ := noisy(t, name, 1000)
	_, err := m.Node().Put(within(t), control.PutRequest{Path: path}, nil, quiet)
	must(t, err)
}

func refTo(t *testing.T, m *nodetest.Member, name string) string {
	t.Helper()
	path, err := node.Resolve(m.Config().Home, name)
	must(t, err)
	return path
}

// TestDevicesOfAnOwner: two nodes with one owner's key find each other by gossip;
// what is put on one is listed on the other, comes back there by its name, and
// goes on both when it is removed on either. One that lost its disk joins again
// with nothing but the key. Strangers in the same mesh see no devices.
func TestDevicesOfAnOwner(t *testing.T) {
	seed := shard.NewSeed()
	c := nodetest.New(t, 4, nodetest.Options{Edit: ownedBy(t, seed)})
	a, b := c.Nodes[2], c.Nodes[3]
	seen := func(m *nodetest.Member) int {
		status, err := m.Node().Status(within(t))
		must(t, err)
		return status.Devices
	}
	c.Wait("they see each other", func() bool { return seen(a) == 1 && seen(b) == 1 })

	path, plain := noisy(t, "film", 100_000)
	_, err := a.Node().Put(within(t), control.PutRequest{Path: path}, nil, quiet)
	must(t, err)
	c.Wait("the other lists it", func() bool { return lists(t, b, "film") })
	sameBytes(t, b.Node(), refTo(t, b, "film"), plain)

	b.Stop()
	putSmall(t, a, "while-away")
	must(t, os.RemoveAll(b.Config().Home))
	must(t, os.MkdirAll(b.Config().Home, 0o700))
	must(t, node.AdoptOwnerKey(b.Config().Home, seed))
	b.Start()
	c.Wait("an empty one with the key lists all", func() bool { return lists(t, b, "film", "while-away") })

	_, err = b.Node().Remove(within(t), control.RemoveRequest{Ref: refTo(t, b, "film")}, quiet)
	must(t, err)
	c.Wait("it is gone on both", func() bool { return lists(t, a, "while-away") && lists(t, b, "while-away") })
	putSmall(t, b, "last")
	c.Wait("and it goes on", func() bool { return lists(t, a, "last", "while-away") })

	for _, stranger := range c.Nodes[:2] {
		if n := seen(stranger); n != 0 || !lists(t, stranger) {
			t.Errorf("a stranger sees %d devices", n)
		}
	}
}

// TestCommandsOnADevicesHome: what a command did while no node ran there is told
// to the other devices by the next node.
func TestCommandsOnADevicesHome(t *testing.T) {
	seed := shard.NewSeed()
	c := nodetest.New(t, 4, nodetest.Options{Edit: ownedBy(t, seed)})
	a, b := c.Nodes[2], c.Nodes[3]
	putSmall(t, a, "first")
	c.Wait("both have it", func() bool { return lists(t, b, "first") })
	b.Stop()
	command := c.ClientAt(b.Config().Home)
	putSmall(t, command, "second")
	_, err := command.Node().Remove(within(t), control.RemoveRequest{Ref: refTo(t, command, "first")}, quiet)
	must(t, err)
	command.Stop()
	must(t, os.WriteFile(filepath.Join(b.Config().Home, "devices.replica"), []byte("damaged, and more than a little"), 0o600))
	b.Start()
	c.Wait("both know", func() bool { return lists(t, a, "second") && lists(t, b, "second") })
}

// TestDeviceAsHost: a machine that is a host of a file of its owner's other machine
// is one like any other when that owner asks there: it is audited, read when it is the
// last that has anything, and told to delete.
func TestDeviceAsHost(t *testing.T) {
	c := nodetest.New(t, 4, nodetest.Options{Edit: ownedBy(t, shard.NewSeed())})
	a, b := c.Nodes[2], c.Nodes[3]
	put := func(name string) (plain []byte) {
		path, plain := noisy(t, name, 300_000)
		r, err := b.Node().Put(within(t), control.PutRequest{Path: path}, nil, quiet)
		must(t, err)
		if r.Hosts != 3 || r.Scheme != "1+2" {
			t.Fatalf("put %+v", r)
		}
		return plain
	}
	film := put("film")
	c.Wait("the other lists it", func() bool { return lists(t, a, "film") })
	audit, err := a.Node().Audit(within(t), control.AuditRequest{Ref: refTo(t, a, "film")}, quiet)
	must(t, err)
	if len(audit.Hosts) != 3 || audit.Health.Margin != 2 {
		t.Errorf("audit %+v", audit)
	}
	repair, err := a.Node().Repair(within(t), control.RepairRequest{Ref: refTo(t, a, "film")}, quiet)
	must(t, err)
	if repair.Rebuilt != 0 || repair.Shortfall != "" {
		t.Errorf("repair %+v", repair)
	}

	put("note")
	c.Wait("the other lists both", func() bool { return lists(t, a, "film", "note") })
	gone, err := a.Node().Remove(within(t), control.RemoveRequest{Ref: refTo(t, a, "note")}, quiet)
	must(t, err)
	status, err := a.Node().Status(within(t))
	must(t, err)
	if gone.Hosts != 3 || gone.Deleted != 3 || status.Shards != 1 {
		t.Errorf("removed %+v, and %d shards are left here", gone, status.Shards)
	}

	c.Kill(0)
	c.Kill(1)
	sameBytes(t, a.Node(), refTo(t, a, "film"), film)
}
