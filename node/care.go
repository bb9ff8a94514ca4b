package node

import (
	"context"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard/transfer"
)

// Audit has the hosts of a file prove what they hold; see [control.Backend].
func (n *Node) Audit(ctx context.Context, req control.AuditRequest, emit func(control.Progress)) (control.AuditResult, error) {
	r, seconds, err := timed(func() (transfer.AuditResult, error) {
		return n.engine.Audit(ctx, req.Ref, transfer.AuditOptions{Full: req.Full, Leaves: req.Leaves}, told(emit))
	})
	n.events.publish(Event{Type: EventAuditDone, Name: r.Name, File: r.File, Err: textOf(err)})
	if err != nil {
		return control.AuditResult{}, manifestFault(err, req.Ref, req.Ref)
	}
	res := control.AuditResult{ID: r.File, Name: r.Name, Hosts: []control.HostVerdict{}, Health: healthOf(r.Health), BytesReceived: r.Received, Seconds: seconds}
	for _, h := range r.Hosts {
		res.Hosts = append(res.Hosts, control.HostVerdict{
			Peer: h.Peer.String(), OK: h.OK, Wrong: h.Wrong, Missing: h.Missing, Timeout: h.Timeout, Unreachable: h.Unreachable, Refused: h.Refused,
		})
	}
	return res, nil
}

// Repair makes anew what a file has lost; see [control.Backend].
func (n *Node) Repair(ctx context.Context, req control.RepairRequest, emit func(control.Progress)) (control.RepairResult, error) {
	r, seconds, err := timed(func() (transfer.RepairResult, error) {
		return n.engine.Repair(ctx, req.Ref, transfer.RepairOptions{Eager: true}, told(emit))
	})
	if r.Rebuilt > 0 {
		n.republish(ctx, req.Ref)
	}
	n.events.publish(Event{Type: EventRepairDone, Name: r.Name, File: r.File, Size: r.Sent, Err: textOf(err)})
	if err != nil {
		return control.RepairResult{}, repairFault(err, req)
	}
	return control.RepairResult{
		ID: r.File, Name: r.Name, Rebuilt: r.Rebuilt, Health: healthOf(r.Health), BytesReceived: r.Read, BytesSent: r.Sent,
		Seconds: seconds, Shortfall: r.Shortfall,
	}, nil
}

func healthOf(h transfer.Health) control.Health {
	return control.Health{Margin: h.Margin, FullMargin: h.FullMargin, Hosts: h.Hosts, Segments: h.Segments, AtRisk: h.AtRisk, Lost: h.Lost, Gone: h.Gone}
}
