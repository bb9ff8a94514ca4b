package cli

import (
	"errors"
	"io/fs"

	"github.com/batchain/batchain/demo"
	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

// exitCode is an error that says nothing: the command has said it all.
type exitCode int

func (exitCode) Error() string { return "see above" }

// explain returns what an error means to a person and to a script. It is the
// one place where errors become exit codes; those of [control.Error] were
// chosen where the fault was found. The numbers from 50 on are this package's.
func explain(err error) *control.Error {
	var own *control.Error
	var stopped *interruption
	var late *timedOut
	switch {
	case errors.As(err, &own):
		same := *own
		return &same
	case errors.As(err, &stopped):
		return control.NewError(control.ExitInterrupted, 50, "interrupted").Wrap(err)
	case errors.As(err, &late):
		return control.NewError(control.ExitNetwork, 50, "%s", late).Wrap(err).Try("give more time with --timeout")
	case errors.Is(err, shard.ErrNewer):
		return control.NewError(control.ExitConfig, 50, "%s", err).Try("use the batchain that wrote it, or a newer one")
	case errors.Is(err, shard.ErrManifest):
		return control.NewError(control.ExitIntegrity, 50, "%s", err).Try("use another copy of the manifest")
	case errors.Is(err, demo.ErrFailed):
		return control.NewError(control.ExitShortfall, 50, "%s", err)
	}
	if errors.As(node.Explain(err), &own) {
		same := *own
		return &same
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return control.NewError(control.ExitNotFound, 51, "%s", err)
	case errors.Is(err, fs.ErrPermission):
		return control.NewError(control.ExitPermission, 50, "%s", err)
	}
	return control.AsError(err)
}

// worse returns the more severe of two exit codes: done, then done with
// shortfalls, then whatever failed by its number.
func worse(a, b int) int {
	rank := func(code int) int {
		switch code {
		case control.ExitDone:
			return -2
		case control.ExitShortfall:
			return -1
		}
		return code
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
