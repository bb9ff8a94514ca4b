package node

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

// The faults below turn what the parts say into what a person is told: one
// sentence of what, one of why with numbers, the command that helps. The exit
// codes are those of the command line's table; numbers under them are append
// only, for scripts know them.

// putFault explains why a put failed.
func putFault(err error, name string) error {
	var short *transfer.ShortError
	switch {
	case errors.As(err, &short):
		return shortFault(short, name).Wrap(err)
	case errors.Is(err, transfer.ErrChanged):
		return control.NewError(control.ExitUnclassified, 1, "%s changed while it was read", name).Wrap(err).
			Because("what was sent so far belongs to no one state of the file; no manifest was written").Try("batchain put " + name)
	case errors.Is(err, transfer.ErrPutBusy):
		return control.NewError(control.ExitUnclassified, 2, "%s is being put already", name).Wrap(err).
			Because("two puts of one file would write the same journal").Try("wait for the other put to end")
	case errors.Is(err, transfer.ErrNewerJournal):
		return control.NewError(control.ExitConfig, 5, "a newer version began to put %s", name).Wrap(err).
			Because("%v", err).Try("finish it with the batchain that began it, or a newer one")
	}
	return fileFault(err, name)
}

// shortFault explains that hosts are missing: none known is a matter of the
// network, too few a matter of the mesh.
func shortFault(short *transfer.ShortError, name string) *control.Error {
	if short.Known == 0 && short.Segment < 0 {
		return control.NewError(control.ExitNetwork, 2, "no hosts were found").
			Because("0 peers are known").Try("batchain put --bootstrap MULTIADDR "+name, "batchain status", "batchain peers")
	}
	e := control.NewError(control.ExitNoRoom, 1, "%s", short.Error()).Because("%s", short.Why())
	if short.Segment >= 0 {
		return e.Try("batchain put " + name + " again: what is safe already is not sent again")
	}
	if s := shard.SchemeFor(short.Have, shard.DurabilityNormal); short.Have > 0 && s != short.Scheme {
		e.Try("batchain put " + name + " --scheme " + s.String())
	}
	return e.Try("batchain put "+name+" --allow-colocate", "batchain peers")
}

// getFault explains why a get failed.
func getFault(err error, req control.GetRequest) error {
	var few *transfer.UnreachableError
	switch {
	case errors.As(err, &few) && few.Lost():
		return control.NewError(control.ExitIntegrity, 2, "the file is damaged beyond repair: too many of its shards are lost").Wrap(err).
			Because("%v", few).Try("start hosts that kept it again, if there are any that do not run")
	case errors.As(err, &few):
		return control.NewError(control.ExitTooFew, 1, "too few shards can be reached now").Wrap(err).
			Because("%v", few).Try("the same command later: what came already is kept")
	case errors.Is(err, transfer.ErrNotInside):
		return control.NewError(control.ExitNotFound, 2, "%s cannot be brought alone", req.Inside).Wrap(err).
			Because("%v", err).Try("batchain get " + req.Ref + " -o - | tar t")
	case errors.Is(err, transfer.ErrNoFile):
		return control.NewError(control.ExitUsage, 17, "%s is no file that could be replaced", existing(err, req.Output)).Wrap(err).
			Try("batchain get " + req.Ref + " -o - writes to stdout")
	case errors.Is(err, transfer.ErrExists):
		return control.NewError(control.ExitUsage, 14, "%s exists", existing(err, req.Output)).Wrap(err).
			Because("a file is replaced only when asked for").Try("batchain get " + req.Ref + " --force")
	case errors.Is(err, transfer.ErrGetBusy):
		return control.NewError(control.ExitUnclassified, 3, "%s is being written already", existing(err, req.Output)).Wrap(err).
			Because("%v", err).Try("wait for the other get to end")
	}
	return manifestFault(err, req.Ref, req.Output)
}

// repairFault explains why a repair failed.
func repairFault(err error, req control.RepairRequest) error {
	var few *transfer.UnreachableError
	if errors.As(err, &few) {
		return control.NewError(control.ExitTooFew, 2, "too little of the file can be reached to mend all of it").Wrap(err).
			Because("%v", few).Try("start hosts that kept it again, then batchain repair " + req.Ref)
	}
	return manifestFault(err, req.Ref, req.Ref)
}

// removeFault explains why a removal failed.
func removeFault(err error, req control.RemoveRequest) error {
	if errors.Is(err, transfer.ErrNobodyDeleted) {
		return control.NewError(control.ExitNetwork, 4, "nothing was deleted").Wrap(err).
			Because("no host of the file answered; its manifest is kept").Try("batchain rm "+req.Ref+" later", "batchain peers")
	}
	return manifestFault(err, req.Ref, req.Ref)
}

// manifestFault explains errors of the manifest, and of file beside it.
func manifestFault(err error, manifest, file string) error {
	switch {
	case errors.Is(err, shard.ErrNewer):
		return control.NewError(control.ExitConfig, 3, "%s is of a newer version", manifest).Wrap(err).
			Because("%v", err).Try("use the batchain that wrote it, or a newer one")
	case errors.Is(err, shard.ErrManifest):
		return control.NewError(control.ExitIntegrity, 1, "%s is damaged or forged", manifest).Wrap(err).
			Because("%v", err).Try("use another copy of the manifest")
	case errors.Is(err, transfer.ErrOtherMesh):
		return control.NewError(control.ExitUsage, 15, "%s belongs to another mesh", manifest).Wrap(err).
			Because("%v", err).Try("--mesh NAME, with a home of that mesh")
	case errors.Is(err, wire.ErrDamaged):
		return control.NewError(control.ExitIntegrity, 3, "what came back is not what was stored").Wrap(err).
			Because("%v", err).Try("use another copy of the manifest")
	case errors.Is(err, transfer.ErrNoKey):
		return control.NewError(control.ExitPermission, 2, "this manifest does not allow it").Wrap(err).Because("%v", err)
	}
	return fileFault(err, file)
}

// fileFault explains errors of this machine's files. Others pass as they are.
func fileFault(err error, name string) error {
	var known *control.Error
	var at *fs.PathError
	if errors.As(err, &at) {
		name = at.Path
	}
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return control.NewError(control.ExitNotFound, 1, "%s is not there", name).Wrap(err)
	case errors.Is(err, fs.ErrPermission):
		return control.NewError(control.ExitPermission, 1, "%s may not be read or written", name).Wrap(err).
			Because("this user lacks the permission")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return control.NewError(control.ExitDiskFull, 1, "the disk is full").Wrap(err).
			Because("%s could not be written", name).Try("make room and repeat the command: it goes on where it stopped")
	}
	return err
}

// existing names the file that is in the way.
func existing(err error, output string) string {
	if info, statErr := os.Stat(output); statErr == nil && info.IsDir() {
		return err.Error()[:max(len(err.Error())-len(": "+transfer.ErrExists.Error()), 0)]
	}
	return output
}
