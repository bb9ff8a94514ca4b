package cli_test

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/batchain/batchain/node/control"
)

var someProject = control.Project{
	Name: "pi", State: "running", Program: "module pi.wasm 0102", Rule: "credible", Total: 1000, Made: 200, Valid: 120, Failed: 1,
	Open: 3, Active: 5, Attempts: 300, Checks: 9, EtaS: 61,
}

func (f *fakeNode) Submit(ctx context.Context, req control.SubmitRequest, _ func(control.Progress)) (control.Project, error) {
	return someProject, f.act(ctx, filepath.Base(req.Path))
}

func (f *fakeNode) Projects(_ context.Context, req control.ProjectsRequest) (control.ProjectList, error) {
	if req.Name != "" && req.Name != "pi" {
		return control.ProjectList{}, control.NewError(control.ExitNotFound, 32, "this node has no project %s", req.Name).Try("batchain work ls")
	}
	return control.ProjectList{Projects: []control.Project{someProject}}, nil
}

func (f *fakeNode) Steer(_ context.Context, req control.SteerRequest) (control.Project, error) {
	p := someProject
	p.State = map[string]string{control.Pause: "paused", control.Resume: "running", control.Cancel: "cancelled"}[req.To]
	return p, nil
}

func (f *fakeNode) Results(ctx context.Context, req control.ResultsRequest, emit func(control.Datachunk) error) error {
	for seq := req.From; seq < 3; seq++ {
		d := control.Datachunk{Seq: seq, State: "valid", Output: json.RawMessage(`{"n":1}`), Fuel: 7, Attempts: 2, Bees: []string{"12D3one"}}
		if req.Name == "short" && seq == 1 {
			d = control.Datachunk{Seq: 1, State: "failed", Reason: "trap: unreachable", Attempts: 3}
		}
		if err := emit(d); err != nil {
			return err
		}
	}
	return f.act(ctx, req.Name)
}

func (f *fakeNode) Volunteer(_ context.Context, req control.VolunteerRequest) (control.Volunteering, error) {
	return control.Volunteering{On: !req.Off, Hives: append([]string{}, req.Hives...), Slots: max(1, req.Slots), Native: append([]string{}, req.Native...), At: []string{}}, nil
}
