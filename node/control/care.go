package control

import (
	"bufio"
	"context"
	"net/http"
)

// AuditRequest asks for proof that the hosts of a file still hold it.
type AuditRequest struct {
	Ref    string `json:"ref"`              // absolute path of the manifest
	Full   bool   `json:"full,omitempty"`   // reads every byte
	Leaves int    `json:"leaves,omitempty"` // 16 KiB leaves asked of each host; 0: the usual number
}

// HostVerdict says how many shards of a file a host answered for, and how.
type HostVerdict struct {
	Peer        string `json:"peer"`
	OK          int    `json:"ok"`
	Wrong       int    `json:"wrong"`
	Missing     int    `json:"missing"`
	Timeout     int    `json:"timeout"`
	Unreachable int    `json:"unreachable"`
	Refused     int    `json:"refused"`
}

// Health says how safe a file is, by the last look at its hosts.
type Health struct {
	Margin     int   `json:"margin"`      // hosts that may be lost, whichever they are; -1: some part cannot be had
	FullMargin int   `json:"full_margin"` // … when every shard is in its place
	Hosts      int   `json:"hosts"`       // that hold a good shard
	Segments   int   `json:"segments"`
	AtRisk     int64 `json:"at_risk"` // bytes in segments whose margin is at most half of the full one
	Lost       int   `json:"lost"`    // segments of which too few shards can be had
	Gone       int   `json:"gone"`    // of them, those that no host which does not answer could bring back
}

// AuditResult is what an audit found.
type AuditResult struct {
	ID            string        `json:"id"` // of the file; its locator, for a repair manifest
	Name          string        `json:"name,omitempty"`
	Hosts         []HostVerdict `json:"verdicts"`
	Health        Health        `json:"health"`
	BytesReceived int64         `json:"bytes_received"`
	Seconds       float64       `json:"seconds"`
}

// RepairRequest asks for what is lost of a file to be made again.
type RepairRequest struct {
	Ref string `json:"ref"` // absolute path of the manifest; a repair manifest does
}

// RepairResult says what was mended.
type RepairResult struct {
	ID            string  `json:"id"` // of the file; its locator, for a repair manifest
	Name          string  `json:"name,omitempty"`
	Rebuilt       int     `json:"rebuilt"` // shards
	Health        Health  `json:"health"`  // after it
	BytesReceived int64   `json:"bytes_received"`
	BytesSent     int64   `json:"bytes_sent"`
	Seconds       float64 `json:"seconds"`
	Shortfall     string  `json:"shortfall,omitempty"` // why the file is less safe than it should be
}

// KeepRequest asks the node to be a keeper of a file.
type KeepRequest struct {
	Ref string `json:"ref"` // absolute path of the manifest; a repair manifest does
}

// KeepResult says what is kept.
type KeepResult struct {
	Locator string `json:"locator"`
}

// RecoverRequest asks for the owner's files to be found by the owner's key
// alone.
type RecoverRequest struct{}

// RecoverResult says what came back.
type RecoverResult struct {
	Files     int      `json:"files"`     // that the catalogue lists
	Recovered int      `json:"recovered"` // manifests that are in the home now
	Missing   []string `json:"missing"`   // ids of files whose manifest nobody gave
	Seconds   float64  `json:"seconds"`
}

// LeaveRequest ends a node for good.
type LeaveRequest struct {
	Evacuate bool `json:"evacuate,omitempty"` // hands on what it holds first
}

// LeaveResult says what became of the shards.
type LeaveResult struct {
	Shards    int   `json:"shards"`     // that were here
	Moved     int   `json:"moved"`      // that another host has now
	Left      int   `json:"left"`       // that nobody took
	Notes     int   `json:"notes"`      // that another host has now
	NotesLeft int   `json:"notes_left"` // that nobody took
	Bytes     int64 `json:"bytes"`      // sent
}

// Audit asks the hosts of a file for proof; see [Backend].
func (c *Client) Audit(ctx context.Context, req AuditRequest, emit func(Progress)) (AuditResult, error) {
	return follow[AuditResult](c, ctx, "/v1/audit", req, nil, emit)
}

// Repair mends a file; see [Backend].
func (c *Client) Repair(ctx context.Context, req RepairRequest, emit func(Progress)) (RepairResult, error) {
	return follow[RepairResult](c, ctx, "/v1/repair", req, nil, emit)
}

// Keep makes the node a keeper of a file; see [Backend].
func (c *Client) Keep(ctx context.Context, req KeepRequest, emit func(Progress)) (KeepResult, error) {
	return follow[KeepResult](c, ctx, "/v1/keep", req, nil, emit)
}

// Recover finds the owner's files; see [Backend].
func (c *Client) Recover(ctx context.Context, req RecoverRequest, emit func(Progress)) (RecoverResult, error) {
	return follow[RecoverResult](c, ctx, "/v1/recover", req, nil, emit)
}

// Leave ends the node for good; see [Backend].
func (c *Client) Leave(ctx context.Context, req LeaveRequest, emit func(Progress)) (LeaveResult, error) {
	return follow[LeaveResult](c, ctx, "/v1/leave", req, nil, emit)
}

// streamed answers a request without a body by a stream of progress and the
// result of work.
func streamed[Req, Res any](s *Server, work func(context.Context, Req, func(Progress)) (Res, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in := bufio.NewReader(r.Body)
		var req Req
		if err := readRequest(in, &req); err != nil {
			s.refuse(w, r, err)
			return
		}
		discard(in)
		respond(s, w, r, func(ctx context.Context, emit func(Progress)) (Res, error) { return work(ctx, req, emit) })
	}
}
