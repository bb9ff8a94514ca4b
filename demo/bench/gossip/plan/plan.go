package plan

// Plan is the schedule of one world.
type Plan struct {
	Name    string  `json:"name"`    // the scenario
	Nodes   int     `json:"nodes"`   // nodes 0 to Nodes-1; an attacker is node Nodes
	Seed    uint64  `json:"seed"`    // of every random choice a world makes
	Latency int64   `json:"latency"` // one way, milliseconds
	Loss    float64 `json:"loss"`    // chance that one packet is lost, 0 to 1
	Steps   []Step  `json:"steps"`
}

// Step is one thing that happens. Which of the fields count depends on Do.
type Step struct {
	After int64  `json:"after,omitempty"` // milliseconds after the end of the step before
	Do    Action `json:"do"`
	Node  int    `json:"node"`            // whom it concerns
	Key   string `json:"key,omitempty"`   // set; attack: the victim's key
	Value string `json:"value,omitempty"` // set, await value; attack: the forged value
	For   int64  `json:"for,omitempty"`   // pause: its length; await: how long at most; milliseconds
	Side  []int  `json:"side,omitempty"`  // cut: the nodes of one side
	Fresh bool   `json:"fresh,omitempty"` // start: with an empty disk
	Count int    `json:"count,omitempty"` // attack: how many peers a flood invents
	Name  string `json:"name,omitempty"`  // mark: the phase that begins; attack: the probe
}

// Action is what a step does.
type Action string

// The actions of a step.
const (
	Start     Action = "start"     // Node starts and joins through node 0
	Crash     Action = "crash"     // Node is gone without a word, its host with it
	Leave     Action = "leave"     // Node says goodbye, and is gone within 5 s
	Set       Action = "set"       // Node sets its Key to Value
	Pause     Action = "pause"     // nothing goes in or out of Node; it comes when the pause ends
	Cut       Action = "cut"       // nothing passes between Side and the rest
	Heal      Action = "heal"      // the cut ends
	Mark      Action = "mark"      // a phase begins: counters are written down
	Attack    Action = "attack"    // the attacker plays the probe Name against Node
	AwaitAll  Action = "awaitall"  // until every running node takes every other for live
	AwaitDead Action = "awaitdead" // until every running node takes Node for dead or gone
	AwaitLive Action = "awaitlive" // until every running node takes Node for live
	AwaitSet  Action = "awaitset"  // until every other running node has Node's Key at Value
)
