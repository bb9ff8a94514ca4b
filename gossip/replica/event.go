package replica

// Kind is what happened to an update.
type Kind int

const (
	Applied    Kind = iota + 1 // it was taken in, and goes to everybody else
	Superseded                 // its author needs it no more; the model forgot it
	Stale                      // it, or what supersedes it, was known already
	Unverified                 // its signature is not its source's
	Refused                    // Err says why; it may come again
	Omitted                    // the other side left out what its source vouches for
	Forked                     // its source signed two updates with one number
	kinds
)

var kindNames = [kinds]string{"", "applied", "superseded", "stale", "unverified", "refused", "omitted", "forked"}

// String names the kind, as in the metrics.
func (k Kind) String() string { return kindNames[k] }

// Event is what [Config.Trace] is told.
type Event struct {
	Kind   Kind
	Update Update // of an Omitted or Forked one only Source is sure
	Local  bool   // this replica made the update
	Err    error  // of Refused
}

// tell counts and traces what happened. r.mu is held.
func (r *Replica) tell(e Event) {
	e.Local = e.Update.Source == r.self
	r.metrics.events.WithLabelValues(e.Kind.String()).Inc()
	r.cfg.Trace(e)
}

func (r *Replica) refused(u Update, err error) { r.tell(Event{Kind: Refused, Update: u, Err: err}) }
