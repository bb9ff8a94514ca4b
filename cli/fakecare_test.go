package cli_test

import (
	"context"

	"github.com/batchain/batchain/node/control"
)

func (f *fakeNode) Audit(ctx context.Context, req control.AuditRequest, emit func(control.Progress)) (control.AuditResult, error) {
	name, err := nameIn(req.Ref)
	if err == nil {
		err = f.act(ctx, name)
	}
	emit(control.Progress{Phase: "audit", Done: 2, Total: 2})
	res := control.AuditResult{
		ID: "abcdefghijklmnop", Name: name, BytesReceived: 1 << 20,
		Hosts:  []control.HostVerdict{{Peer: "12D3one", OK: 3}, {Peer: "12D3two", OK: 3}},
		Health: control.Health{Margin: 1, FullMargin: 1, Hosts: 2, Segments: 1},
	}
	if name == "short" {
		res.Hosts[1] = control.HostVerdict{Peer: "12D3two", OK: 1, Wrong: 1, Missing: 1}
		res.Health.Margin, res.Health.AtRisk = 0, 1<<20
	}
	return res, err
}

func (f *fakeNode) Repair(ctx context.Context, req control.RepairRequest, _ func(control.Progress)) (control.RepairResult, error) {
	name, err := nameIn(req.Ref)
	if err == nil {
		err = f.act(ctx, name)
	}
	res := control.RepairResult{ID: "abcdefghijklmnop", Name: name, Rebuilt: 2, BytesReceived: 1 << 20, BytesSent: 2 << 20,
		Health: control.Health{Margin: 1, FullMargin: 1, Hosts: 2, Segments: 1}}
	if name == "short" {
		res.Shortfall = "no host has room for 1 shard"
	}
	return res, err
}

func (f *fakeNode) Keep(_ context.Context, req control.KeepRequest, _ func(control.Progress)) (control.KeepResult, error) {
	return control.KeepResult{Locator: "locator"}, nil
}

func (f *fakeNode) Recover(context.Context, control.RecoverRequest, func(control.Progress)) (control.RecoverResult, error) {
	return control.RecoverResult{Files: 3, Recovered: 2, Missing: []string{"someid"}}, nil
}

func (f *fakeNode) Leave(_ context.Context, req control.LeaveRequest, _ func(control.Progress)) (control.LeaveResult, error) {
	if req.Evacuate {
		return control.LeaveResult{Shards: 4, Moved: 3, Left: 1}, nil
	}
	return control.LeaveResult{}, nil
}
