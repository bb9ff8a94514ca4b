package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

func quiet(control.Progress) {}

// classic is the scheme of the first demos: 8 shards on two hosts, of which
// either may die.
const classic = "4+4"

func pair(ctx context.Context, s *stage) error {
	hosts, err := s.mesh(ctx, "node", 2)
	if err != nil {
		return err
	}
	a, b := hosts[0], hosts[1]
	s.say("%s and %s are running; %s writes example.txt", a.name, b.name, a.name)
	path, content, err := s.file("example.txt", 11_000)
	if err != nil {
		return err
	}
	if err := a.meet(ctx, 1); err != nil {
		return err
	}
	put, err := a.Put(ctx, control.PutRequest{Path: path}, nil, quiet)
	if err != nil {
		return err
	}
	s.check(b.shards(ctx) == 1, "%s keeps it, sealed, as 1 shard of scheme %s", b.name, put.Scheme)
	return s.comesBack(ctx, a, put, content)
}

// comesBack gets a file and checks that it is the one that was put.
func (s *stage) comesBack(ctx context.Context, m *member, put control.PutResult, content []byte) error {
	out := filepath.Join(s.dir, put.Name+".back")
	if _, err := m.Get(ctx, control.GetRequest{Ref: put.Manifest, Output: out, Force: true}, nil, quiet); err != nil {
		return err
	}
	s.check(equal(out, content), "%s comes back, all %d bytes", put.Name, len(content))
	return nil
}

func servers(ctx context.Context, s *stage) error {
	var addrs []string
	var hosts []*member
	for _, name := range []string{"server1", "server2"} {
		m, err := s.node(ctx, name)
		if err != nil {
			return err
		}
		hosts, addrs = append(hosts, m), append(addrs, m.Addrs()[0])
	}
	client, err := s.node(ctx, "client")
	if err != nil {
		return err
	}
	s.say("two servers that know nobody, and a client that is given their addresses")
	return s.spread(ctx, client, hosts, addrs)
}

func kademlia(ctx context.Context, s *stage) error {
	first, err := s.node(ctx, "node1")
	if err != nil {
		return err
	}
	second, err := s.node(ctx, "node2", first)
	if err != nil {
		return err
	}
	client, err := s.node(ctx, "client", second)
	if err != nil {
		return err
	}
	if err := client.meet(ctx, 2); err != nil {
		return err
	}
	s.say("node2 knows node1, the client knows node2 only: it finds node1 by the DHT")
	return s.spread(ctx, client, []*member{first, second}, nil)
}

// spread puts a file as 8 shards on two hosts, and gets it with one of them.
func (s *stage) spread(ctx context.Context, client *member, hosts []*member, addrs []string) error {
	path, content, err := s.file("example.jpg", 3<<20)
	if err != nil {
		return err
	}
	put, err := client.Put(ctx, control.PutRequest{Path: path, Scheme: classic, AllowColocate: true, Hosts: addrs}, nil, quiet)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		s.check(h.shards(ctx) == 4, "%s keeps 4 shards", h.name)
	}
	if err := s.comesBack(ctx, client, put, content); err != nil {
		return err
	}
	s.say("%s dies", hosts[0].name)
	if err := hosts[0].stop(); err != nil {
		return err
	}
	return s.comesBack(ctx, client, put, content)
}

func throughSocket(ctx context.Context, s *stage) error {
	hosts, err := s.mesh(ctx, "node", 4)
	if err != nil {
		return err
	}
	mine := hosts[0]
	if err := mine.meet(ctx, 3); err != nil {
		return err
	}
	client := control.Dial(node.SocketPath(mine.home))
	defer client.Close()
	path, content, err := s.file("notes.txt", 200_000)
	if err != nil {
		return err
	}
	s.say("batchain -u notes.txt")
	put, err := client.Put(ctx, control.PutRequest{Path: path}, nil, quiet)
	if err != nil {
		return err
	}
	s.check(put.Hosts == 3, "it is on %d hosts with scheme %s", put.Hosts, put.Scheme)
	s.say("batchain -l")
	files, err := node.Files(mine.home)
	if err != nil {
		return err
	}
	s.check(len(files) == 1 && files[0].Name == "notes.txt", "the list names notes.txt")
	s.say("batchain -d notes.txt")
	found, err := node.Resolve(mine.home, "notes.txt")
	if err != nil {
		return err
	}
	out := filepath.Join(s.dir, "back.txt")
	if _, err := client.Get(ctx, control.GetRequest{Ref: found, Output: out}, nil, quiet); err != nil {
		return err
	}
	s.check(equal(out, content), "notes.txt comes back, all %d bytes", len(content))
	return nil
}

func survive(ctx context.Context, s *stage) error {
	hosts, err := s.mesh(ctx, "host", 8)
	if err != nil {
		return err
	}
	owner, err := s.node(ctx, "owner", hosts[0])
	if err != nil {
		return err
	}
	if err := owner.meet(ctx, len(hosts)); err != nil {
		return err
	}
	path, content, err := s.file("holiday.tar", 20<<20)
	if err != nil {
		return err
	}
	put, err := owner.Put(ctx, control.PutRequest{Path: path}, nil, quiet)
	if err != nil {
		return err
	}
	s.check(put.Hosts == 8 && put.Scheme == "4+4", "20 MiB are on %d hosts with scheme %s: any 4 may die", put.Hosts, put.Scheme)
	for _, h := range hosts[:4] {
		s.say("%s dies", h.name)
		if err := h.stop(); err != nil {
			return err
		}
	}
	if err := s.comesBack(ctx, owner, put, content); err != nil {
		return err
	}
	s.say("%s dies: one more than the scheme allows", hosts[4].name)
	if err := hosts[4].stop(); err != nil {
		return err
	}
	return s.failsHonestly(ctx, owner, put)
}

// failsHonestly checks that a get without enough hosts says so and leaves
// nothing that looks like the file.
func (s *stage) failsHonestly(ctx context.Context, owner *member, put control.PutResult) error {
	out := filepath.Join(s.dir, "too-late")
	_, err := owner.Get(ctx, control.GetRequest{Ref: put.Manifest, Output: out}, nil, quiet)
	var told *control.Error
	if !errors.As(err, &told) {
		return fmt.Errorf("a get with too few hosts: %w", err)
	}
	_, err = os.Stat(out)
	s.check(told.Exit == control.ExitTooFew && errors.Is(err, os.ErrNotExist), "now it says: %s", told.Message)
	return nil
}
