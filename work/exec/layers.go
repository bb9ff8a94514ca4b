package exec

// Layer is one wall of the sandbox around a child.
type Layer struct {
	Name   string
	Holds  bool
	Detail string // what it is, or why it does not hold
}
