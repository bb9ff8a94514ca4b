package control

import (
	"context"
	"io"
	"time"
)

// Backend is what a node does for whoever holds its socket. Every method ends
// when its context does. Errors should be, or wrap, an [*Error]; others reach
// the asker as unclassified. emit may be called from any goroutine until the
// method returns, and never blocks.
type Backend interface {
	// Put stores a file. body holds the bytes when the request names no path.
	Put(ctx context.Context, req PutRequest, body io.Reader, emit func(Progress)) (PutResult, error)
	// Get brings a file back, to out when the request names no output.
	Get(ctx context.Context, req GetRequest, out io.Writer, emit func(Progress)) (GetResult, error)
	// Remove deletes a file on every host, then its manifest.
	Remove(ctx context.Context, req RemoveRequest, emit func(Progress)) (RemoveResult, error)
	// Audit asks every host of a file for proof that it holds its shards.
	Audit(ctx context.Context, req AuditRequest, emit func(Progress)) (AuditResult, error)
	// Repair makes anew what is lost of a file, on other hosts.
	Repair(ctx context.Context, req RepairRequest, emit func(Progress)) (RepairResult, error)
	// Keep makes this node a keeper of a file.
	Keep(ctx context.Context, req KeepRequest, emit func(Progress)) (KeepResult, error)
	// Recover brings back the owner's manifests from the mesh.
	Recover(ctx context.Context, req RecoverRequest, emit func(Progress)) (RecoverResult, error)
	// Leave hands on what is here, if asked to, and ends the node soon after
	// it has answered.
	Leave(ctx context.Context, req LeaveRequest, emit func(Progress)) (LeaveResult, error)
	// Status tells how the node is.
	Status(ctx context.Context) (Status, error)
	// Peers lists the peers that the node knows.
	Peers(ctx context.Context) ([]Peer, error)
	Labour
}

// PutRequest asks for a file to be stored. The zero value of every field but
// Path or Name leaves the choice to the node.
type PutRequest struct {
	Path           string        `json:"path,omitempty"`       // absolute; empty: the bytes follow the request
	Name           string        `json:"name,omitempty"`       // that the file is known by; empty: the last part of Path
	Scheme         string        `json:"scheme,omitempty"`     // "8+12"
	Durability     string        `json:"durability,omitempty"` // low, normal or archive
	Hosts          []string      `json:"hosts,omitempty"`      // peer ids or full addresses: only these; empty: any
	AllowColocate  bool          `json:"allow_colocate,omitempty"`
	Expires        time.Duration `json:"expires,omitempty"`  // ns from now
	Manifest       string        `json:"manifest,omitempty"` // absolute path of another copy of the manifest
	BandwidthLimit int64         `json:"bwlimit,omitempty"`  // bytes per second; 0: none
	Keepers        *int          `json:"keepers,omitempty"`  // how many; nil: as many as usual, where there are peers for it
	Size           int64         `json:"size"`               // bytes that follow; -1: not known
}

// PutResult says what was stored, and where. It is given out only for a file
// whose every segment is under receipt.
type PutResult struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Size      int64   `json:"size"`     // bytes
	Manifest  string  `json:"manifest"` // absolute path
	Scheme    string  `json:"scheme"`
	Hosts     int     `json:"hosts"` // that hold a shard
	Segments  int     `json:"segments"`
	BytesSent int64   `json:"bytes_sent"` // of shards, on the wire
	Seconds   float64 `json:"seconds"`
	Keepers   int     `json:"keepers"`             // peers that look after the file
	Shortfall string  `json:"shortfall,omitempty"` // what is less than asked for; empty when nothing is
}

// GetRequest asks for a file.
type GetRequest struct {
	Ref    string `json:"ref"`              // absolute path of the manifest
	Output string `json:"output,omitempty"` // absolute path; empty: the bytes are the answer
	Inside string `json:"inside,omitempty"` // the path of one file in a folder; empty: all of it
	Force  bool   `json:"force,omitempty"`  // replaces what is at Output
}

// GetResult says what came back.
type GetResult struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	Path          string  `json:"path"` // absolute; empty when the bytes were the answer
	Size          int64   `json:"size"` // bytes
	BytesReceived int64   `json:"bytes_received"`
	Seconds       float64 `json:"seconds"`
}

// RemoveRequest asks for a file to be deleted.
type RemoveRequest struct {
	Ref string `json:"ref"` // absolute path of the manifest
}

// RemoveResult says which hosts deleted a file.
type RemoveResult struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Hosts     int      `json:"hosts"`     // that are said to hold a shard
	Deleted   int      `json:"deleted"`   // shards
	Unreached []string `json:"unreached"` // peer ids of the hosts that did not answer
	Noted     bool     `json:"noted"`     // they are told later, by a node that runs on this home
}

// Progress says how far the work is.
type Progress struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`           // bytes of the file that are finished for good
	Total int64  `json:"total"`          // bytes of the file; -1: not known
	Note  string `json:"note,omitempty"` // for a person
}

// Status is how a node is.
type Status struct {
	PeerID       string   `json:"peer_id"`
	Addrs        []string `json:"addrs"` // full, with /p2p/
	Mesh         string   `json:"mesh"`
	UptimeS      float64  `json:"uptime_s"`
	Reachability string   `json:"reachability"`
	Capacity     int64    `json:"capacity"` // bytes
	Used         int64    `json:"used"`     // bytes
	Shards       int64    `json:"shards"`
	Peers        int      `json:"peers"`
	Version      string   `json:"version"`

	Members map[string]int `json:"members"`         // other members of the mesh by their state, see [Peer]
	Devices int            `json:"devices"`         // others of the owner's that the list of files is shared with now
	Reach   *Reach         `json:"reach,omitempty"` // nil for a node that nobody is to reach
}

// Reach is what a node knows of how others reach it.
type Reach struct {
	NAT       string   `json:"nat,omitempty"`       // none, keeps (ports), random (ports); empty: not known
	Seen      []string `json:"seen,omitempty"`      // how peers see its QUIC socket, the latest first
	Mapped    []string `json:"mapped,omitempty"`    // addresses that a gate maps to it
	Reachable []string `json:"reachable,omitempty"` // addresses that peers have dialled, when asked to
	// Unreachable are addresses that peers could not dial when asked to.
	Unreachable []string `json:"unreachable,omitempty"`
	Relays      []string `json:"relays,omitempty"` // addresses through relays
	Relay       bool     `json:"relay,omitempty"`  // it is one itself
}

// Peer is another node as this one sees it.
type Peer struct {
	PeerID string  `json:"peer_id"`
	State  string  `json:"state"`           // unknown, live, suspect, dead or left
	Phi    float64 `json:"phi"`             // suspicion of its silence; 0 also where nothing is known
	AgeS   float64 `json:"age_s"`           // seconds since its last heartbeat was heard; -1: it is no member that is known
	Path   string  `json:"path"`            // direct, relayed or none
	How    string  `json:"how,omitempty"`   // accepted, dialled, brokered, relayed or none
	Via    string  `json:"via,omitempty"`   // the broker or relay
	Addr   string  `json:"addr,omitempty"`  // the other end of the connection
	Conns  int     `json:"conns,omitempty"` // connections to it
	Tried  []Tried `json:"tried,omitempty"` // what the last attempt to reach it was, in order
	RTTms  float64 `json:"rtt_ms"`
	Free   int64   `json:"free"` // bytes, as it says itself
	Agent  string  `json:"agent"`
}

// Tried is one step of an attempt to reach a peer.
type Tried struct {
	Step    string  `json:"step"` // dial, broker_connection, establish_connection, find_peer or relay
	Via     string  `json:"via,omitempty"`
	Seconds float64 `json:"seconds"`
	Err     string  `json:"err,omitempty"`
}
