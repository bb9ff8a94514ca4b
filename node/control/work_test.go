package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/batchain/batchain/node/control"
)

// hives is a backend of which only what concerns work is called.
type hives struct {
	control.Backend
	asked   []any
	results func(ctx context.Context, req control.ResultsRequest, emit func(control.Datachunk) error) error
}

var aProject = control.Project{
	Name: "p", State: "running", Program: "module m", Rule: "equal", Total: -1, Made: 1 << 60, Valid: 3, Failed: 2, Cancelled: 1, Open: 4, Active: 5,
	Attempts: 6, Checks: 7, EtaS: 1.5, Caught: []string{"q"}, Results: "id", Trouble: "t",
}

func (h *hives) Submit(_ context.Context, req control.SubmitRequest, _ func(control.Progress)) (control.Project, error) {
	h.asked = append(h.asked, req)
	return aProject, nil
}

func (h *hives) Projects(_ context.Context, req control.ProjectsRequest) (control.ProjectList, error) {
	h.asked = append(h.asked, req)
	return control.ProjectList{Projects: []control.Project{aProject}}, nil
}

func (h *hives) Steer(_ context.Context, req control.SteerRequest) (control.Project, error) {
	h.asked = append(h.asked, req)
	return aProject, control.NewError(2, 1, "it is over")
}

func (h *hives) Volunteer(_ context.Context, req control.VolunteerRequest) (control.Volunteering, error) {
	h.asked = append(h.asked, req)
	return control.Volunteering{On: true, Hives: req.Hives, Slots: req.Slots, Native: req.Native, At: []string{}}, nil
}

func (h *hives) Results(ctx context.Context, req control.ResultsRequest, emit func(control.Datachunk) error) error {
	return h.results(ctx, req, emit)
}

func TestWorkTravelsWhole(t *testing.T) {
	backend := &hives{}
	n := serve(t, control.NewServer(backend, nil))
	if p, err := n.Submit(t.Context(), control.SubmitRequest{Path: "/p"}, ignore); err != nil || !reflect.DeepEqual(p, aProject) {
		t.Errorf("%+v, %v", p, err)
	}
	if list, err := n.Projects(t.Context(), control.ProjectsRequest{Name: "p"}); err != nil || !reflect.DeepEqual(list.Projects, []control.Project{aProject}) {
		t.Errorf("%+v, %v", list, err)
	}
	var told *control.Error
	if _, err := n.Steer(t.Context(), control.SteerRequest{Name: "p", To: control.Cancel}); !errors.As(err, &told) || told.Exit != 2 {
		t.Errorf("%v", err)
	}
	req := control.VolunteerRequest{Hives: []string{"h"}, Slots: 3, Native: []string{"n"}}
	if v, err := n.Volunteer(t.Context(), req); err != nil || !v.On || v.Slots != 3 || v.Hives[0] != "h" || v.Native[0] != "n" {
		t.Errorf("%+v, %v", v, err)
	}
	want := []any{control.SubmitRequest{Path: "/p"}, control.ProjectsRequest{Name: "p"}, control.SteerRequest{Name: "p", To: "cancel"}, req}
	if !reflect.DeepEqual(backend.asked, want) {
		t.Errorf("asked %+v", backend.asked)
	}
}

// No datachunk is left out, however many come at once; an error comes after those
// before it.
func TestResultsAreNeverDropped(t *testing.T) {
	const many = 20_000
	n := serve(t, control.NewServer(&hives{results: func(_ context.Context, req control.ResultsRequest, emit func(control.Datachunk) error) error {
		for seq := req.From; seq < many; seq++ {
			if err := emit(control.Datachunk{Seq: seq, State: "valid", Output: json.RawMessage(`[1]`)}); err != nil {
				return err
			}
		}
		return control.NewError(12, 1, "the disk is full")
	}}, nil))
	next := uint64(5)
	err := n.Results(t.Context(), control.ResultsRequest{Name: "p", From: next}, func(d control.Datachunk) error {
		if d.Seq != next || string(d.Output) != "[1]" {
			t.Fatalf("%+v, want number %d", d, next)
		}
		next++
		return nil
	})
	var told *control.Error
	if !errors.As(err, &told) || told.Exit != 12 || next != many {
		t.Errorf("%v after %d", err, next)
	}
}

// A datachunk goes out although none follows it; who has enough of them ends
// the work.
func TestResultsComeAtOnce(t *testing.T) {
	ended := make(chan error, 1)
	n := serve(t, control.NewServer(&hives{results: func(ctx context.Context, _ control.ResultsRequest, emit func(control.Datachunk) error) error {
		err := emit(control.Datachunk{Seq: 1})
		<-ctx.Done()
		ended <- err
		return context.Cause(ctx)
	}}, nil))
	enough := errors.New("enough")
	if err := n.Results(t.Context(), control.ResultsRequest{Name: "p", Follow: true}, func(control.Datachunk) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
