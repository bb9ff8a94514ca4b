package exec

import (
	"encoding/json"
	"fmt"
	"os"
)

// childWord is the first argument of a process that is a child of ours.
const childWord = "exec-child"

// The roles that a child may have: its second argument. The third is a
// [json] object, of the type that is named here.
const (
	roleConfine = "confine" // confinement; then it becomes what follows
	roleGuest   = "guest"   // guestSpec: runs units in one module
	roleCompile = "compile" // compileSpec: compiles one module
	roleNone    = "none"    // null: ends at once
)

// BeChild takes the process over when it was started as a child of the sandbox,
// and does not return then. Whoever links this package calls it first of all:
// in main, and in TestMain.
func BeChild() {
	linkedIn = true
	if len(os.Args) < 4 || os.Args[1] != childWord {
		return
	}
	if err := beChild(os.Args[2], []byte(os.Args[3]), os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, "batchain:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// linkedIn is set once BeChild was called. Without it a child would be one more
// of whatever this program is, and start children of its own.
var linkedIn bool

func beChild(role string, spec []byte, rest []string) error {
	switch role {
	case roleConfine:
		return inRole(spec, func(c confinement) error { return c.become(rest) })
	case roleGuest:
		return inRole(spec, serveGuest)
	case roleCompile:
		return inRole(spec, serveCompile)
	case roleNone:
		return nil
	}
	return fmt.Errorf("%s is no role of a child", role)
}

func inRole[T any](spec []byte, do func(T) error) error {
	var t T
	if err := json.Unmarshal(spec, &t); err != nil {
		return err
	}
	return do(t)
}

// childArgs are the arguments that make our binary a child.
func childArgs(role string, spec any, rest ...string) ([]string, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return append([]string{childWord, role, string(text)}, rest...), nil
}
