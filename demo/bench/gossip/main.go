// Command gossip compares this project's gossip layer with hashicorp/memberlist
// and with the original gossipmonger: the same schedules, in virtual time, on
// the same simulated network, measured from the same journals.
//
//	go run ./gossip            the full comparison, the tables as Markdown
//	go run ./gossip -short     a small one, for continuous integration
//
// Each scenario of each participant is a process of its own, so that its CPU and
// memory are its own and a hostile message kills nothing else. When it is
// interrupted, it tells what it has, and with -json it goes on there next time. Worlds of Go
// participants are this program again, with the word "world"; that of
// gossipmonger is run by node.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/batchain/batchain/demo/bench/gossip/participant"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "world" {
		playWorld(os.Args[2])
	}
	if len(os.Args) == 3 && os.Args[1] == "node" {
		if err := participant.RunLive(os.Args[2], os.Stdin, os.Stdout); err != nil {
			die(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := compare(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gossip:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	sizes        []int
	seeds        int
	participants []string
	scenarios    []string
	jobs         int
	jsonFile     string
	short        bool
	size         plan.Size
}

func parse(args []string) (options, error) {
	o := options{size: plan.FullSize}
	f := flag.NewFlagSet("gossip", flag.ContinueOnError)
	f.BoolVar(&o.short, "short", false, "one seed, 5 nodes, short phases; installs nothing")
	sizes := f.String("sizes", "5,10,20,40,80", "how many `nodes`, separated by commas")
	participants := f.String("participants", "", "only these `names`, separated by commas")
	scenarios := f.String("scenarios", "", "only these `names`, separated by commas")
	f.IntVar(&o.seeds, "seeds", 5, "runs of each, with different dice")
	f.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "worlds at the same time")
	f.StringVar(&o.jsonFile, "json", "", "keep all figures in `file`; what is in it already is not played again")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.short {
		*sizes, o.seeds, o.size = "5", 1, plan.ShortSize
	}
	for _, word := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 3 {
			return o, fmt.Errorf("-sizes %q: numbers of at least 3 nodes are wanted", *sizes)
		}
		o.sizes = append(o.sizes, n)
	}
	all := slices.Concat(plan.Scenarios, plan.Probes)
	if !o.short { // real time takes its time
		all = append(all, plan.Live)
	}
	o.participants, o.scenarios = split(*participants, nil), split(*scenarios, all)
	for _, name := range o.scenarios {
		if !slices.Contains(all, name) {
			return o, fmt.Errorf("-scenarios: no %q; there are %v", name, all)
		}
	}
	return o, nil
}

func split(list string, otherwise []string) []string {
	if list == "" {
		return otherwise
	}
	return strings.Split(list, ",")
}

func compare(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	players, skipped, err := findPlayers(ctx, o.participants, !o.short)
	if err != nil {
		return err
	}
	began := time.Now()
	have, err := load(o.jsonFile)
	if err != nil {
		return err
	}
	results, failed := playAll(ctx, o, players, have)
	printTables(os.Stdout, o, players, results)
	for _, why := range skipped {
		fmt.Printf("\nSKIPPED %s\n", why)
	}
	fmt.Printf("\n%d worlds, %d of them now in %.0f s, %d at a time, on %s/%s with %d processors, %s\n",
		len(results), len(results)-len(have), time.Since(began).Seconds(), o.jobs, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	return failed
}

// load returns the results that an earlier run has saved.
func load(file string) ([]result, error) {
	data, err := os.ReadFile(file)
	if file == "" || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var results []result
	if err := json.Unmarshal(data, &results); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return results, nil
}

// save writes results to file, whole or not at all.
func save(file string, results []result) error {
	if file == "" {
		return nil
	}
	data, err := json.MarshalIndent(results, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
