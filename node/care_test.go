package node_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
	"github.com/batchain/batchain/shard"
)

// noisy writes a file of so many random bytes and returns its path and them.
func noisy(t *testing.T, name string, size int) (path string, text []byte) {
	t.Helper()
	text = make([]byte, size)
	rand.Read(text)
	path = filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, text, 0o600))
	return path, text
}

// store puts random bytes on five hosts, 2+3.
func store(t *testing.T, n *node.Node, name string, req control.PutRequest) (control.PutResult, []byte) {
	t.Helper()
	path, text := noisy(t, name, 1<<20)
	req.Path, req.Scheme = path, "2+3"
	put, err := n.Put(within(t), req, nil, quiet)
	must(t, err)
	if put.Hosts != 5 || put.Shortfall != "" {
		t.Fatalf("put %+v", put)
	}
	return put, text
}

// sameBytes gets a file and compares it.
func sameBytes(t *testing.T, n *node.Node, manifest string, want []byte) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "back")
	_, err := n.Get(within(t), control.GetRequest{Ref: manifest, Output: to}, nil, quiet)
	must(t, err)
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what came back differs (%d bytes, %v)", len(got), err)
	}
}

func readManifest(t *testing.T, path string) *shard.Manifest {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	m, err := shard.OpenManifest(bytes.NewReader(text), int64(len(text)))
	must(t, err)
	return m
}

// bodies are the paths of the shards that a node keeps.
func bodies(t *testing.T, m *nodetest.Member) []string {
	t.Helper()
	return filesBelow(t, filepath.Join(m.Config().Home, "shards"))
}

func filesBelow(t *testing.T, dir string) (paths []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

// keepersOf and hostsOf tell the members of a cluster that keep a file and that
// hold shards, whosever they are.
func keepersOf(t *testing.T, c *nodetest.Cluster, l shard.Locator) (found []*nodetest.Member) {
	t.Helper()
	for _, m := range c.Nodes {
		if kept, _ := filepath.Glob(filepath.Join(m.Config().Home, "kept", l.String()+"*.charge")); len(kept) > 0 {
			found = append(found, m)
		}
	}
	return found
}

func hostsOf(t *testing.T, c *nodetest.Cluster) (found []*nodetest.Member) {
	t.Helper()
	for _, m := range c.Nodes {
		if len(bodies(t, m)) > 0 {
			found = append(found, m)
		}
	}
	return found
}

// audited returns what was found at the hosts that are not in order.
func audited(t *testing.T, n *node.Node, manifest string) (bad map[string]control.HostVerdict, r control.AuditResult) {
	t.Helper()
	r, err := n.Audit(within(t), control.AuditRequest{Ref: manifest}, quiet)
	must(t, err)
	bad = map[string]control.HostVerdict{}
	for _, h := range r.Hosts {
		if h.Wrong+h.Missing+h.Timeout+h.Unreachable+h.Refused > 0 {
			bad[h.Peer] = h
		}
	}
	return bad, r
}

// clean fails the test unless five hosts are found to be in order.
func clean(t *testing.T, n *node.Node, manifest string) {
	t.Helper()
	if bad, r := audited(t, n, manifest); len(bad) > 0 || len(r.Hosts) != 5 || r.Health.Margin != 3 || r.Health.FullMargin != 3 || r.Health.Hosts != 5 {
		t.Errorf("not all is well: %+v", r)
	}
}

// TestFileIsCaredFor plays a file's life: keepers are found that hold nothing
// of it, an audit finds what three hosts lost, a repair mends it, and at the
// end hosts and keepers let it go.
func TestFileIsCaredFor(t *testing.T) {
	c := nodetest.New(t, 12, nodetest.Options{})
	owner := c.Client()
	put, text := store(t, owner, "holiday.tar", control.PutRequest{Expires: 240 * time.Hour})
	m := readManifest(t, put.Manifest)
	if until := time.Until(time.Unix(m.Private.Expires, 0)); until < 239*time.Hour || until > 240*time.Hour {
		t.Errorf("the manifest ends in %s", until)
	}
	keepers, hosts := keepersOf(t, c, m.Grant.Locator), hostsOf(t, c)
	if put.Keepers != 3 || len(keepers) != 3 || len(hosts) != 5 {
		t.Fatalf("%d keepers, %d files of them, %d hosts", put.Keepers, len(keepers), len(hosts))
	}
	for _, k := range keepers {
		if len(bodies(t, k)) > 0 {
			t.Errorf("keeper %s holds shards", k.Node().ID())
		}
	}
	clean(t, owner, put.Manifest)

	overwritten, emptied, stopped := hosts[0].Node().ID().String(), hosts[1].Node().ID().String(), hosts[2].Node().ID().String()
	spoil(t, bodies(t, hosts[0])[0])
	for _, path := range bodies(t, hosts[1]) {
		must(t, os.Remove(path))
	}
	hosts[2].Stop()
	bad, r := audited(t, owner, put.Manifest)
	if len(bad) != 3 || bad[overwritten].Wrong+bad[overwritten].Missing != 1 || bad[emptied].Missing != 1 || bad[stopped].Unreachable != 1 {
		t.Errorf("found %+v; overwritten %s, emptied %s, stopped %s", bad, overwritten, emptied, stopped)
	}
	if r.Health.Margin != 0 || r.Health.Hosts != 2 || r.Health.AtRisk != m.Sealed {
		t.Errorf("health %+v", r.Health)
	}
	mended, err := owner.Repair(within(t), control.RepairRequest{Ref: put.Manifest}, quiet)
	must(t, err)
	if mended.Rebuilt != 3 || mended.Health.Margin != 3 || mended.Shortfall != "" || mended.BytesReceived > mended.BytesSent {
		t.Errorf("repaired %+v", mended)
	}
	clean(t, owner, put.Manifest)
	sameBytes(t, owner, put.Manifest, text)
	for _, k := range keepers {
		if len(bodies(t, k)) > 0 {
			t.Errorf("keeper %s was made a host", k.Node().ID())
		}
	}

	removed, err := owner.Remove(within(t), control.RemoveRequest{Ref: put.Manifest}, quiet)
	must(t, err)
	if len(removed.Unreached) != 1 || removed.Unreached[0] != stopped {
		t.Errorf("removed %+v", removed)
	}
	if still := keepersOf(t, c, m.Grant.Locator); len(still) > 0 {
		t.Errorf("%d keepers still keep the file", len(still))
	}
	for _, m := range c.Nodes {
		if m == hosts[2] {
			continue
		}
		if status, err := m.Node().Status(within(t)); err != nil || status.Shards != 0 {
			t.Errorf("%s still holds %d shards (%v)", m.Node().ID(), status.Shards, err)
		}
	}
}

// spoil overwrites one byte in the middle of a file.
func spoil(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer file.Close()
	info, err := file.Stat()
	must(t, err)
	one := make([]byte, 1)
	_, err = file.ReadAt(one, info.Size()/2)
	must(t, err)
	one[0] ^= 1
	_, err = file.WriteAt(one, info.Size()/2)
	must(t, err)
}

// TestRepairByStrangers: a repair manifest in a home that never had the key
// audits, repairs and keeps the file, and what reads the file is not there.
func TestRepairByStrangers(t *testing.T) {
	c := nodetest.New(t, 8, nodetest.Options{})
	owner, none := c.Client(), 0
	put, text := store(t, owner, "holiday.tar", control.PutRequest{Keepers: &none})
	m := readManifest(t, put.Manifest)
	var exported bytes.Buffer
	must(t, m.Export(&exported))
	home := filepath.Join(t.TempDir(), "stranger")
	stranger := c.ClientAt(home)
	manifest := filepath.Join(home, "manifests", "theirs.batchain")
	must(t, os.WriteFile(manifest, exported.Bytes(), 0o600))
	clean(t, stranger.Node(), manifest)

	hosts := hostsOf(t, c)
	for _, h := range hosts[:2] {
		for _, path := range bodies(t, h) {
			must(t, os.Remove(path))
		}
	}
	mended, err := stranger.Node().Repair(within(t), control.RepairRequest{Ref: manifest}, quiet)
	must(t, err)
	if mended.Rebuilt != 2 || mended.Health.Margin != 3 || mended.ID != m.Grant.Locator.String() || mended.Name != "" {
		t.Errorf("repaired %+v", mended)
	}
	clean(t, stranger.Node(), manifest)
	sameBytes(t, owner, put.Manifest, text)
	if _, err := stranger.Node().Get(within(t), control.GetRequest{Ref: manifest, Output: filepath.Join(home, "x")}, nil, quiet); exit(err) != control.ExitPermission {
		t.Errorf("get by a repair manifest: %v", err)
	}
	if _, err := stranger.Node().Remove(within(t), control.RemoveRequest{Ref: manifest}, quiet); exit(err) != control.ExitPermission {
		t.Errorf("remove by a repair manifest: %v", err)
	}
	volunteers(t, c, manifest, append(hosts, hostsOf(t, c)...))
	stranger.Stop()
	for _, dir := range append([]string{home}, homesOf(keepersOf(t, c, m.Grant.Locator))...) {
		tellsNothing(t, dir, m)
	}
}

// volunteers has every node keep a file by hand: its hosts refuse, those that
// lost their shards too, and so does a node that serves nobody.
func volunteers(t *testing.T, c *nodetest.Cluster, manifest string, hosts []*nodetest.Member) {
	t.Helper()
	l := readManifest(t, manifest).Grant.Locator
	took := 0
	for _, m := range c.Nodes {
		want := -1
		if slices.Contains(hosts, m) {
			want = control.ExitUsage
		}
		r, err := m.Node().Keep(within(t), control.KeepRequest{Ref: manifest}, quiet)
		if exit(err) != want || err == nil && r.Locator != l.String() {
			t.Errorf("keep: %+v, %v", r, err)
		}
		if err == nil {
			took++
		}
	}
	if got := len(keepersOf(t, c, l)); got != took || took == 0 {
		t.Errorf("%d nodes keep the file, %d said so", got, took)
	}
	if _, err := c.Client().Keep(within(t), control.KeepRequest{Ref: manifest}, quiet); exit(err) != control.ExitNeedsNode {
		t.Errorf("a node that serves nobody keeps: %v", err)
	}
}

func homesOf(members []*nodetest.Member) (homes []string) {
	for _, m := range members {
		homes = append(homes, m.Config().Home)
	}
	return homes
}

// tellsNothing looks for what only a reader may know in every file of a home.
func tellsNothing(t *testing.T, home string, m *shard.Manifest) {
	t.Helper()
	secrets := map[string][]byte{
		"key": m.Key[:], "key in hex": []byte(hex.EncodeToString(m.Key[:])), "id": m.Private.File[:],
		"id as text": []byte(m.Private.File.String()), "name": []byte(m.Private.Name),
	}
	for _, path := range filesBelow(t, home) {
		text, err := os.ReadFile(path)
		if err != nil && strings.Contains(path, "sock") {
			continue
		}
		must(t, err)
		for what, secret := range secrets {
			if bytes.Contains(text, secret) {
				t.Errorf("%s holds the file's %s", path, what)
			}
		}
	}
}
