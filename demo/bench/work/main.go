// Command work compares this project's work layer with other ways to have many
// hands do many pieces of work: the same units, on one machine, in one run, with
// real processes and real disks.
//
//	go run ./work            the full comparison, the tables as Markdown
//	go run ./work -short     a small one, for continuous integration
//
// Systems that this machine has no program for are skipped, and it says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/batchain/batchain/demo/bench/work/participant"
	"github.com/batchain/batchain/demo/bench/work/scenario"
	"github.com/batchain/batchain/work/exec"
)

func main() {
	participant.BeChild()
	exec.BeChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := compare(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "work:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	tries     int
	systems   []participant.System
	scenarios []scenario.Scenario
	dir       string
	jsonFile  string
	readme    string
	short     bool
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("work", flag.ContinueOnError)
	f.BoolVar(&o.short, "short", false, "everything once, with few units")
	f.IntVar(&o.tries, "tries", 3, "how often each is played, in turn")
	systems := f.String("systems", "", "only these `names`, separated by commas")
	scenarios := f.String("scenarios", "", "only these `names`, separated by commas")
	f.StringVar(&o.dir, "dir", "", "a `folder` on the disk that is to be used; that for temporary files")
	f.StringVar(&o.jsonFile, "json", "", "write all figures to `file`")
	f.StringVar(&o.readme, "table", "", "put the tables into this `file`, between its marks")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.short {
		o.tries = 1
	}
	var err error
	if o.systems, err = choose(*systems, participant.Table, func(s participant.System) string { return s.Name }); err != nil {
		return o, fmt.Errorf("-systems: %w", err)
	}
	o.scenarios, err = choose(*scenarios, scenario.Table, func(s scenario.Scenario) string { return s.Name })
	if err != nil {
		return o, fmt.Errorf("-scenarios: %w", err)
	}
	return o, nil
}

// choose returns those of all that a list names, or all.
func choose[T any](list string, all []T, name func(T) string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var chosen []T
	for _, word := range strings.Split(list, ",") {
		i := slices.IndexFunc(all, func(one T) bool { return name(one) == word })
		if i < 0 {
			return nil, fmt.Errorf("no %q", word)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func compare(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "batchain-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	stage := scenario.Stage{Dir: dir, Unit: filepath.Join(dir, "unit"), Short: o.short}
	build := osexec.CommandContext(ctx, "go", "build", "-o", stage.Unit, "github.com/batchain/batchain/demo/bench/work/unit/command")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %.400s", err, out)
	}
	r, failed := play(ctx, o, stage)
	if err := r.save(o.jsonFile); err != nil {
		return err
	}
	text := r.tables()
	fmt.Print(text)
	if o.readme != "" {
		failed = errors.Join(failed, insert(o.readme, text))
	}
	return failed
}
