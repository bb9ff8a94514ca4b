package natlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// prefix begins the name of every namespace of a lab; the process id follows.
const prefix = "natlab-"

// backbone is the namespace of the router that joins all sites.
const backbone = "net"

// Lab is a set of namespaces. Its methods are called by one goroutine at a
// time, except those of machines.
type Lab struct {
	pid    int
	sites  int
	spaces []string
	jobs   sync.WaitGroup
	stop   context.CancelFunc
	ctx    context.Context
}

// Available says why no lab can be made here, nil if one can.
func Available() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("network namespaces are there on Linux only, not on %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	for _, tool := range []string{"ip", "nft", "sysctl", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed (iproute2, nftables and procps have what is needed)", tool)
		}
	}
	out, err := exec.Command("ip", "netns", "list").CombinedOutput()
	if err == nil {
		name := prefix + strconv.Itoa(os.Getpid()) + "-try"
		defer exec.Command("ip", "netns", "delete", name).Run() //nolint:errcheck // it may not be there
		out, err = exec.Command("ip", "netns", "add", name).CombinedOutput()
	}
	if err != nil {
		return fmt.Errorf("network namespaces cannot be made: %s", bytes.TrimSpace(out))
	}
	return nil
}

// New makes the router that joins all sites, and removes what labs of dead
// processes left.
func New(ctx context.Context) (*Lab, error) {
	if err := sweep(); err != nil {
		return nil, err
	}
	l := &Lab{pid: os.Getpid()}
	l.ctx, l.stop = context.WithCancel(ctx)
	if err := l.space(backbone); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close ends every process in the lab and removes it. It may be called again.
func (l *Lab) Close() error {
	l.stop()
	var errs []error
	for _, space := range slices.Backward(l.spaces) {
		errs = append(errs, remove(space))
	}
	l.spaces = nil
	l.jobs.Wait()
	return errors.Join(errs...)
}

// space makes a namespace that forwards packets.
func (l *Lab) space(name string) error {
	full := l.full(name)
	if err := run(nil, "ip", "netns", "add", full); err != nil {
		return err
	}
	l.spaces = append(l.spaces, full)
	return errors.Join(
		run(nil, "ip", "-n", full, "link", "set", "lo", "up"),
		run(nil, "ip", "netns", "exec", full, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.disable_ipv6=1"),
	)
}

// full is the name of a namespace of this lab as the kernel knows it.
func (l *Lab) full(name string) string { return fmt.Sprintf("%s%d-%s", prefix, l.pid, name) }

// ip runs ip in a namespace, once for each line.
func (l *Lab) ip(space string, lines ...string) error {
	return run(strings.NewReader(strings.Join(lines, "\n")), "ip", "-n", l.full(space), "-batch", "-")
}

// nft loads rules into a namespace.
func (l *Lab) nft(space, rules string) error {
	return run(strings.NewReader(rules), "ip", "netns", "exec", l.full(space), "nft", "-f", "-")
}

// sweep removes the namespaces of processes that are gone.
func sweep() error {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("ip netns list: %w", err)
	}
	var errs []error
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, prefix)
		pid, _, _ := strings.Cut(rest, "-")
		if _, err := os.Stat("/proc/" + pid); ours && pid != "" && errors.Is(err, os.ErrNotExist) {
			errs = append(errs, remove(name))
		}
	}
	return errors.Join(errs...)
}

// remove ends the processes in a namespace and deletes it.
func remove(space string) error {
	out, err := exec.Command("ip", "netns", "pids", space).Output()
	if err != nil {
		return fmt.Errorf("ip netns pids %s: %w", space, err)
	}
	for _, text := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(text); err == nil {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill() // it may have ended by now
			}
		}
	}
	return run(nil, "ip", "netns", "delete", space)
}

// run runs a command; its error holds what the command said.
func run(stdin *strings.Reader, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
