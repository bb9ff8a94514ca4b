package node

import (
	"context"

	"github.com/batchain/batchain/node/control"
)

// member is the node as its control socket serves it: among others.
type member struct{ *Node }

// Status tells how the node is, and counts the members that it hears of.
func (m member) Status(ctx context.Context) (control.Status, error) {
	s, err := m.Node.Status(ctx)
	s.Members = m.members.count()
	return s, err
}
