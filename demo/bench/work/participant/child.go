package participant

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// childWord is the first argument of this program when it is a child; the role
// and its configuration in JSON follow.
const childWord = "be"

// roles are what this program can be started as. A role says ready on its
// standard output, and ends when its standard input does.
var roles = map[string]func(ctx context.Context, config []byte, in io.Reader, out io.Writer) error{
	"hive":  beHive,
	"bee":   beBee,
	"asynq": beAsynq,

	"jetstream-server": beJetServer,
	"jetstream":        beJetWorker,
}

// BeChild takes the process over when it was started as a child, and does not
// return then.
func BeChild() {
	if len(os.Args) != 4 || os.Args[1] != childWord {
		return
	}
	role := roles[os.Args[2]]
	if err := role(context.Background(), []byte(os.Args[3]), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[2], err)
		os.Exit(1)
	}
	os.Exit(0)
}

// untilEOF returns a context that ends when in does.
func untilEOF(ctx context.Context, in io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in) // however it ends, it has ended
	}()
	return ctx
}

// ready tells the parent that the child is at work.
func ready(out io.Writer) error {
	_, err := fmt.Fprintln(out, "ready")
	return err
}

// process is one that was started here.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	errs bytes.Buffer
}

// patience is how long a process may take to begin, or to end.
const patience = time.Minute

// startRole starts this program in a role, and waits until it is ready.
func startRole(role string, config any, env ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	p, err := start(exec.Command(self, childWord, role, string(text)), env...)
	if err != nil {
		return nil, err
	}
	if err := p.await("ready"); err != nil {
		return nil, fmt.Errorf("%s: %w", role, err)
	}
	return p, nil
}

// start starts a command whose standard input and output are ours.
func start(cmd *exec.Cmd, env ...string) (*process, error) {
	p := &process{cmd: cmd}
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = &p.errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 1<<16)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// await reads lines until one is word; a process that takes too long is killed.
func (p *process) await(word string) error {
	killer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer killer.Stop()
	for {
		line, err := p.out.ReadString('\n')
		if strings.TrimSpace(line) == word {
			return nil
		}
		if err != nil {
			p.kill()
			return fmt.Errorf("ended before it was %s: %.400s", word, p.errs.String())
		}
	}
}

// stop closes the input of a process and waits for its end, which it is helped
// to if it takes too long.
func (p *process) stop() {
	if p == nil || p.cmd.ProcessState != nil {
		return
	}
	_ = p.in.Close()
	p.end()
}

// terminate asks a process to end, and waits for it.
func (p *process) terminate() {
	if p == nil || p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.end()
}

// kill ends a process without a word.
func (p *process) kill() {
	if p == nil || p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill()
	p.end()
}

func (p *process) end() {
	killer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer killer.Stop()
	_ = p.cmd.Wait() // that it ends is all that is wanted
}
