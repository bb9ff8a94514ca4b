package node

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/batchain/batchain/node/control"
)

// Explain turns an error of [New], [Node.Run] or [LoadConfig] into what a
// person is told, a [*control.Error]; nil stays nil.
func Explain(err error) error {
	var busy *HomeBusy
	var newer *NewerFormatError
	var known *control.Error
	var file *FileError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &busy):
		return control.NewError(control.ExitHomeBusy, 1, "home %s is in use by another node", busy.Home).Wrap(err).
			Because("process %d holds it", busy.PID).Try("batchain status", fmt.Sprintf("kill %d", busy.PID), "--home DIR for a second node")
	case errors.As(err, &newer):
		return control.NewError(control.ExitConfig, 2, "home %s was written by a newer batchain", newer.Home).Wrap(err).
			Because("its format is %d, this program knows up to %d", newer.Found, newer.Know).Try("use the newer batchain")
	case errors.As(err, &file):
		return control.NewError(control.ExitConfig, 1, "%s cannot be used", file.Path).Wrap(err).
			Because("%v", file).Try("batchain config check")
	case errors.Is(err, ErrConfig):
		return control.NewError(control.ExitConfig, 1, "%v", err).Wrap(err).Try("batchain config check")
	case errors.Is(err, ErrFormat):
		return control.NewError(control.ExitConfig, 4, "%v", err).Wrap(err)
	case errors.Is(err, ErrKeyExposed):
		return control.NewError(control.ExitPermission, 3, "%v", err).Wrap(err).Try("chmod 600 FILE, if nobody else has read it")
	case errors.Is(err, ErrKeyDamaged):
		return control.NewError(control.ExitPermission, 4, "%v", err).Wrap(err).Try("put the file back from a copy")
	case errors.Is(err, syscall.EADDRINUSE):
		return control.NewError(control.ExitNetwork, 3, "the address to listen at is in use").Wrap(err).
			Because("%v", err).Try("batchain node --listen /ip4/0.0.0.0/tcp/PORT")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOSPC):
		return homeFault(err)
	}
	return err
}

// homeFault explains a home that cannot be written.
func homeFault(err error) error {
	if errors.Is(err, syscall.EROFS) {
		return control.NewError(control.ExitPermission, 1, "the home folder cannot be written").Wrap(err).
			Because("its file system is read-only").Try("--home DIR for another place")
	}
	return fileFault(err, "the home folder")
}
