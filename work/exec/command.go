package exec

import (
	osexec "os/exec"
	"path/filepath"
)

// Command is a native program that the owner of this machine lets units use. It
// speaks the line protocol, starts no other programs, reads the libraries of
// the system and what is listed here, and writes into a folder of its own.
type Command struct {
	Name string   // by which a [Program] asks for it
	Argv []string // the program, as a path or to be found in $PATH, and its arguments
	Read []string // files and folders that it may read and execute, besides its own file
	Env  []string // KEY=VALUE, besides HOME, TMPDIR, PATH and LANG
}

// commandFile is the most bytes of one file that a command writes.
const commandFile = 1 << 30

// confine returns how the command is held, in the box of its worker.
func (c Command) confine(b box, limits Limits) (confinement, error) {
	if len(c.Argv) == 0 {
		return confinement{}, fail(CodeDenied, "command %q has no program", c.Name)
	}
	program, err := osexec.LookPath(c.Argv[0])
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return confinement{}, fail(CodeDenied, "command %q is not on this machine", c.Name)
	}
	return confinement{
		Program: program, Strict: true,
		Read: append([]string{b.in()}, c.Read...), Write: []string{b.out()},
		Memory: limits.Memory, File: commandFile, Dir: b.out(),
		Env: append([]string{"HOME=" + b.out(), "TMPDIR=" + b.out(), "PATH=/usr/bin:/bin", "LANG=C.UTF-8"}, c.Env...),
	}, nil
}
