package node

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/labour"
	"github.com/batchain/batchain/shard/transfer"
)

// openLabour makes what the node does about workgroups, which costs nothing
// until there is a project or somebody volunteers.
func (n *Node) openLabour(context.Context) error {
	allow, deny, err := n.cfg.Hive.peers()
	if err != nil {
		return err
	}
	n.labour, err = labour.New(labour.Config{
		Closed: n.cfg.Hive.Closed, Allow: allow, Deny: deny, Proof: n.cfg.Hive.Proof,
		Dir: n.home.work(), Host: n.host, Mesh: n.cfg.Mesh, Client: n.cfg.Client, Owner: n.workOwner,
		Files: meshFiles{n}, Offers: n.members.offers, Changed: n.hasNews, Logger: n.log.With("part", "labour"), Registerer: n.registry,
	})
	n.Labour = n.labour
	n.addPart("work", n.whenServing(n.labour.Run))
	return err
}

// workOwner is the key by which a hive knows the bees of one person. Each hive
// gets another one.
func (n *Node) workOwner(hive peer.ID) (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, n.seed[:], nil, "batchain/work/owner/1\x00"+string(hive), ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("owner key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// hasNews makes the node tell the mesh at once what has changed.
func (n *Node) hasNews() {
	select {
	case n.news <- struct{}{}:
	default:
	}
}

// offer is the work that this node has for others.
func (n *Node) offer(ctx context.Context) offer {
	return offer{Version: vitalsVersion, Units: n.labour.Offer(ctx)}
}

// offers are the members that live and say they have work.
func (m *membership) offers() []peer.ID {
	var ids []peer.ID
	for _, other := range m.gossiper.Members() {
		if other.Self || !other.State.Alive() || other.Equivocates {
			continue
		}
		if o, err := parseOffer(other.Values[workKey].Data); err == nil && o.Units > 0 {
			ids = append(ids, other.Peer)
		}
	}
	return ids
}

// meshFiles are the files of the mesh as work needs them.
type meshFiles struct{ node *Node }

// Manifest reads the manifest of one of the owner's files; see [labour.Files].
func (f meshFiles) Manifest(ref string) ([]byte, int64, error) {
	path, err := Resolve(string(f.node.home), ref)
	if err != nil {
		return nil, 0, err
	}
	file := Describe(path)
	if err := plainFile(&file); err != nil {
		return nil, 0, err
	}
	manifest, err := os.ReadFile(path)
	return manifest, file.Size, err
}

// plainFile refuses what work cannot read: folders, and manifests without the key.
func plainFile(f *File) error {
	switch {
	case f.Err != nil:
		return manifestFault(f.Err, f.Path, f.Path)
	case f.Repair:
		return control.NewError(control.ExitPermission, 32, "%s is a repair manifest, which reads nothing", f.Path)
	case f.Folder:
		return control.NewError(control.ExitUsage, 37, "%s is a folder", f.Name).Because("work reads single files").Try("put the file by itself")
	}
	return nil
}

// Fetch brings a file; see [labour.Files].
func (f meshFiles) Fetch(ctx context.Context, manifest, to string, most int64) error {
	file := Describe(manifest)
	if err := plainFile(&file); err != nil {
		return err
	}
	if file.Size > most {
		return control.NewError(control.ExitNoRoom, 30, "a file of %d bytes is too large for work", file.Size).Because("%d bytes are the most", most)
	}
	_, err := f.node.engine.Get(ctx, manifest, transfer.Destination{Path: to}, func(transfer.Progress) {})
	if err != nil {
		return getFault(err, control.GetRequest{Ref: manifest, Output: to})
	}
	return nil
}

// Put stores a file; see [labour.Files].
func (f meshFiles) Put(ctx context.Context, name string, content io.Reader) (string, error) {
	r, err := f.node.Put(ctx, control.PutRequest{Name: name, Size: -1}, content, func(control.Progress) {})
	return r.ID, err
}
