package control

import (
	"context"
	"encoding/json"
)

// Labour is what a node does about workgroups: as a hive, which has projects,
// and as a volunteer, whose bees do units of others. See [Backend].
type Labour interface {
	// Submit makes a project from its file, and begins to hand out its units
	// while the node runs. The same file again changes nothing.
	Submit(ctx context.Context, req SubmitRequest, emit func(Progress)) (Project, error)
	// Projects tells how this hive's projects stand, all or one of them.
	Projects(ctx context.Context, req ProjectsRequest) (ProjectList, error)
	// Steer pauses, resumes or cancels a project.
	Steer(ctx context.Context, req SteerRequest) (Project, error)
	// Results passes datachunks to emit, in the order of their units, until emit
	// returns an error, which it returns.
	Results(ctx context.Context, req ResultsRequest, emit func(Datachunk) error) error
	// Volunteer makes the node's bees do units of other hives, from now on and
	// after every start, until they are asked to do otherwise.
	Volunteer(ctx context.Context, req VolunteerRequest) (Volunteering, error)
}

// SubmitRequest asks for a project.
type SubmitRequest struct {
	Path string `json:"path"` // absolute, of its PROJECT.toml or the folder that holds it
}

// ProjectsRequest asks about projects.
type ProjectsRequest struct {
	Name string `json:"name,omitempty"` // empty: all
}

// ProjectList is some projects, by name.
type ProjectList struct {
	Projects []Project `json:"projects"`
}

// Project is how a project stands.
type Project struct {
	Name      string   `json:"name"`
	State     string   `json:"state"`   // running, paused, cancelled or finished
	Program   string   `json:"program"` // for people
	Rule      string   `json:"rule"`
	Total     int64    `json:"total"` // units that there will be; -1: not known
	Made      uint64   `json:"made"`  // units that there are
	Valid     uint64   `json:"valid"` // … whose result is there
	Failed    uint64   `json:"failed"`
	Cancelled uint64   `json:"cancelled"`
	Open      int      `json:"open"`              // … that bees have been at
	Active    int      `json:"active"`            // attempts under way
	Waiting   int      `json:"waiting"`           // open units that wait for another volunteer
	Bees      int      `json:"bees"`              // volunteers that could have units, and asked lately or are at one
	Attempts  uint64   `json:"attempts"`          // handed out, spot checks included
	Checks    uint64   `json:"checks"`            // spot checks
	EtaS      float64  `json:"eta_s"`             // seconds until all units have ended; -1: not known
	Caught    []string `json:"caught,omitempty"`  // peers that gave wrong results; told of one project alone
	Results   string   `json:"results,omitempty"` // id of the file with the results, once there is one
	Declined  []Lack   `json:"declined,omitempty"`
	Trouble   string   `json:"trouble,omitempty"` // what keeps the node from making units or delivering results
}

// Lack is what a unit of a project may use and the owners of some bees do not give.
type Lack struct {
	Bees int    `json:"bees"` // that asked since the node started
	Why  string `json:"why"`  // for people
}

// Ended is how many units have ended.
func (p *Project) Ended() uint64 { return p.Valid + p.Failed + p.Cancelled }

// What a project may be asked to do, see [SteerRequest].
const (
	Pause  = "pause"
	Resume = "resume"
	Cancel = "cancel"
)

// SteerRequest asks for a project to go another way.
type SteerRequest struct {
	Name string `json:"name"`
	To   string `json:"to"` // Pause, Resume or Cancel
}

// ResultsRequest asks for datachunks.
type ResultsRequest struct {
	Name   string `json:"name"`
	From   uint64 `json:"from,omitempty"`   // the first unit
	Follow bool   `json:"follow,omitempty"` // waits for those that are not there, until the project has ended
}

// Datachunk is what came of a unit.
type Datachunk struct {
	Seq      uint64          `json:"seq"` // of the unit in its project, from 0
	Key      string          `json:"key,omitempty"`
	State    string          `json:"state"`            // valid, failed or cancelled
	Output   json.RawMessage `json:"output,omitempty"` // when valid
	Reason   string          `json:"reason,omitempty"` // when failed
	Fuel     uint64          `json:"fuel,omitempty"`   // of one execution
	Attempts int             `json:"attempts"`
	Bees     []string        `json:"bees,omitempty"` // peers whose results it agrees with
}

// VolunteerRequest says whose units this node does. One without hives takes
// those of any hive of the mesh.
type VolunteerRequest struct {
	Off    bool     `json:"off,omitempty"`    // none, and nothing else counts
	Hives  []string `json:"hives,omitempty"`  // peer ids or full addresses: only these
	Slots  int      `json:"slots,omitempty"`  // units at once; 0: half the processors
	Wall   int      `json:"wall_s,omitempty"` // seconds that a unit may take at most; 0: a day
	Memory int64    `json:"memory,omitempty"` // bytes that a unit may use at most; 0: 1 GiB
	Hours  string   `json:"hours,omitempty"`  // FROM-TO, hours of the machine's clock, as 22-7; empty: always
	Native []string `json:"native,omitempty"` // NAME or NAME=PROGRAM ARG…: commands that units may name
}

// Volunteering is what the node does for others.
type Volunteering struct {
	On     bool     `json:"on"`
	Hives  []string `json:"hives"` // that were named; none: any
	Slots  int      `json:"slots"`
	Hours  string   `json:"hours,omitempty"` // FROM-TO; empty: always
	Native []string `json:"native"`
	At     []string `json:"at"` // peer ids of the hives that have a bee of this node now
}

// Submit makes a project; see [Labour].
func (c *Client) Submit(ctx context.Context, req SubmitRequest, emit func(Progress)) (Project, error) {
	return follow[Project](c, ctx, "/v1/work/submit", req, nil, emit)
}

// Projects tells how projects stand; see [Labour].
func (c *Client) Projects(ctx context.Context, req ProjectsRequest) (ProjectList, error) {
	return follow[ProjectList](c, ctx, "/v1/work/projects", req, nil, unheard)
}

// Steer pauses, resumes or cancels a project; see [Labour].
func (c *Client) Steer(ctx context.Context, req SteerRequest) (Project, error) {
	return follow[Project](c, ctx, "/v1/work/steer", req, nil, unheard)
}

// Volunteer sets whose units the node does; see [Labour].
func (c *Client) Volunteer(ctx context.Context, req VolunteerRequest) (Volunteering, error) {
	return follow[Volunteering](c, ctx, "/v1/work/volunteer", req, nil, unheard)
}

func unheard(Progress) {}

// workRoutes adds what concerns workgroups.
func (s *Server) workRoutes() {
	s.mux.HandleFunc("POST /v1/work/submit", streamed(s, s.backend.Submit))
	s.mux.HandleFunc("POST /v1/work/projects", streamed(s, silently(s.backend.Projects)))
	s.mux.HandleFunc("POST /v1/work/steer", streamed(s, silently(s.backend.Steer)))
	s.mux.HandleFunc("POST /v1/work/volunteer", streamed(s, silently(s.backend.Volunteer)))
	s.mux.HandleFunc("POST /v1/work/results", s.results)
}

// silently makes work that tells no progress one that may.
func silently[Req, Res any](work func(context.Context, Req) (Res, error)) func(context.Context, Req, func(Progress)) (Res, error) {
	return func(ctx context.Context, req Req, _ func(Progress)) (Res, error) { return work(ctx, req) }
}
