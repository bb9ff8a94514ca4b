package exec

// confinement is what a child is held to, besides what its system always
// enforces: see the package comment for the layers.
type confinement struct {
	Read    []string `json:"read,omitempty"`    // files and folders that it may read and execute
	Write   []string `json:"write,omitempty"`   // folders in which it may do all
	Memory  int64    `json:"memory,omitempty"`  // bytes of its process
	Seconds int64    `json:"seconds,omitempty"` // of processor time; 0: as many as it likes
	File    int64    `json:"file,omitempty"`    // bytes of one file that it writes
	Eager   bool     `json:"eager,omitempty"`   // whether it keeps its priority
	Strict  bool     `json:"strict,omitempty"`  // whether a layer that is lacking is an error
	Dir     string   `json:"dir,omitempty"`     // where it runs
	Env     []string `json:"env,omitempty"`     // all of its environment
	Program string   `json:"program,omitempty"` // what to become; "": our own binary
}
