package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/batchain/batchain/demo/natlab"
)

// town is a lab with nodes on its machines, processes of their own.
type town struct {
	*natlab.Lab
	s       *stage
	program string
	hub     *natlab.Node
}

// nat plays on a small internet of network namespaces. Where none can be made it
// says so and is done.
func nat(ctx context.Context, s *stage) error {
	err := natlab.Available()
	if err == nil && s.program == "" {
		err = errors.New("the program that nodes would run is not known")
	}
	if err != nil {
		s.say("SKIPPED: %v", err)
		return nil
	}
	lab, err := natlab.New(ctx)
	if err != nil {
		return err
	}
	t := &town{Lab: lab, s: s, program: s.program}
	return errors.Join(t.play(ctx), lab.Close())
}

func (t *town) play(ctx context.Context) (err error) {
	if t.hub, err = t.node(ctx, natlab.None, "public"); err != nil {
		return err
	}
	t.s.say("one node with a public address; all others begin with it")
	owner, err := t.node(ctx, natlab.Preserving, "owner")
	if err != nil {
		return err
	}
	home, err := t.node(ctx, natlab.Preserving, "home")
	if err != nil {
		return err
	}
	carrier, err := t.node(ctx, natlab.Double, "carrier")
	if err != nil {
		return err
	}
	t.s.say("owner and home are each behind a NAT, carrier is behind two; the kernel drops what comes unasked")
	path, content, err := t.s.file("holiday.tar", 3<<20)
	if err != nil {
		return err
	}
	code, lines, err := owner.Command(ctx, "put", path, "--scheme", "1+1", "--keepers", "0", "--host", home.PeerID, "--host", carrier.PeerID)
	if err != nil {
		return err
	}
	t.s.check(code == 0, "the owner puts a file on home and carrier")
	if code != 0 {
		return fmt.Errorf("put ended with %d: %v", code, lines)
	}
	for name, host := range map[string]*natlab.Node{"home": home, "carrier": carrier} {
		how, via := t.path(ctx, owner, host)
		t.s.check(how != "", "%s is reached directly: %s%s", name, how, via)
	}
	back := filepath.Join(t.s.dir, "back.tar")
	code, _, err = owner.Command(ctx, "get", "holiday.tar", "-o", back)
	t.s.check(err == nil && code == 0 && equal(back, content), "the file comes back, all %d bytes", len(content))
	return err
}

// node starts a node at a site of its own.
func (t *town) node(ctx context.Context, kind natlab.Kind, name string) (*natlab.Node, error) {
	site, err := t.Site(kind, 1)
	if err != nil {
		return nil, err
	}
	args := []string{"--no-mdns", "--capacity", "1GB"}
	if t.hub != nil {
		args = append(args, "--bootstrap", t.outside())
	}
	return site.Machines[0].Start(ctx, t.program, filepath.Join(t.s.dir, name), nil, args...)
}

// outside is the public node's address.
func (t *town) outside() string {
	for _, addr := range t.hub.Addrs {
		if strings.HasPrefix(addr, "/ip4/11.") && strings.Contains(addr, "/tcp/") {
			return addr
		}
	}
	return ""
}

// path tells how one node reaches another, "" when it is not directly.
func (t *town) path(ctx context.Context, from, to *natlab.Node) (how, via string) {
	_, peers, err := from.Command(ctx, "peers")
	if err != nil {
		return "", ""
	}
	for _, p := range peers {
		if p["peer_id"] != to.PeerID || p["path"] != "direct" {
			continue
		}
		if p["via"] == t.hub.PeerID {
			via = " by way of the public node"
		}
		return fmt.Sprint(p["how"]), via
	}
	return "", ""
}
