package control_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/batchain/batchain/node/control"
)

// care is a backend of which only these are called.
type care struct {
	control.Backend
	asked []any
}

func (c *care) Audit(_ context.Context, req control.AuditRequest, emit func(control.Progress)) (control.AuditResult, error) {
	c.asked = append(c.asked, req)
	emit(control.Progress{Phase: "audit", Done: 1, Total: 2})
	return auditOutcome, nil
}

func (c *care) Repair(_ context.Context, req control.RepairRequest, _ func(control.Progress)) (control.RepairResult, error) {
	c.asked = append(c.asked, req)
	return repairOutcome, nil
}

func (c *care) Keep(_ context.Context, req control.KeepRequest, _ func(control.Progress)) (control.KeepResult, error) {
	c.asked = append(c.asked, req)
	return control.KeepResult{Locator: "l"}, nil
}

func (c *care) Recover(_ context.Context, req control.RecoverRequest, _ func(control.Progress)) (control.RecoverResult, error) {
	c.asked = append(c.asked, req)
	return recoverOutcome, nil
}

func (c *care) Leave(_ context.Context, req control.LeaveRequest, _ func(control.Progress)) (control.LeaveResult, error) {
	c.asked = append(c.asked, req)
	return control.LeaveResult{}, control.NewError(3, 1, "nobody took the shards")
}

var (
	auditOutcome = control.AuditResult{
		ID: "id", Name: "n", BytesReceived: 7, Seconds: 1,
		Hosts:  []control.HostVerdict{{Peer: "p", OK: 1, Wrong: 2, Missing: 3, Timeout: 4, Unreachable: 5, Refused: 6}},
		Health: control.Health{Margin: -1, FullMargin: 4, Hosts: 3, Segments: 2, AtRisk: 1 << 40, Lost: 1},
	}
	repairOutcome = control.RepairResult{
		ID: "id", Rebuilt: 3, BytesReceived: 1, BytesSent: 2, Shortfall: "two hosts",
		Health: control.Health{Margin: 4, FullMargin: 4, Hosts: 8, Segments: 2},
	}
	recoverOutcome = control.RecoverResult{Files: 3, Recovered: 2, Missing: []string{"id"}, Seconds: 2}
)

// What is asked for and what is answered cross the socket unchanged.
func TestCareCrossesTheSocket(t *testing.T) {
	backend := &care{}
	n := serve(t, control.NewServer(backend, nil))
	var steps []control.Progress
	audit, err := n.Audit(t.Context(), control.AuditRequest{Ref: "/m", Full: true, Leaves: 9}, func(p control.Progress) { steps = append(steps, p) })
	if err != nil || !reflect.DeepEqual(audit, auditOutcome) || len(steps) != 1 {
		t.Errorf("Audit: %+v, %v, %d steps", audit, err, len(steps))
	}
	repair, err := n.Repair(t.Context(), control.RepairRequest{Ref: "/m"}, ignore)
	if err != nil || repair != repairOutcome {
		t.Errorf("Repair: %+v, %v", repair, err)
	}
	keep, err := n.Keep(t.Context(), control.KeepRequest{Ref: "/k"}, ignore)
	if err != nil || keep.Locator != "l" {
		t.Errorf("Keep: %+v, %v", keep, err)
	}
	recovered, err := n.Recover(t.Context(), control.RecoverRequest{}, ignore)
	if err != nil || !reflect.DeepEqual(recovered, recoverOutcome) {
		t.Errorf("Recover: %+v, %v", recovered, err)
	}
	_, err = n.Leave(t.Context(), control.LeaveRequest{Evacuate: true}, ignore)
	if told := control.AsError(err); told == nil || told.Code != "E0301" {
		t.Errorf("Leave: %v", err)
	}
	want := []any{
		control.AuditRequest{Ref: "/m", Full: true, Leaves: 9}, control.RepairRequest{Ref: "/m"}, control.KeepRequest{Ref: "/k"},
		control.RecoverRequest{}, control.LeaveRequest{Evacuate: true},
	}
	if !reflect.DeepEqual(backend.asked, want) {
		t.Errorf("the backend was asked %+v", backend.asked)
	}
}
