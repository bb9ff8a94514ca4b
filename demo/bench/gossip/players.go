package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/batchain/batchain/demo/bench/gossip/participant"
)

// player is a participant as the comparison sees it: a command that reads a
// plan and writes a journal.
type player struct {
	name    string
	command []string // plays a world
	env     []string
	node    []string // lives as one node in real time
}

// gossipmonger is the one participant that is not written in Go.
const gossipmonger = "gossipmonger"

// findPlayers returns the wanted participants, or all. What cannot run here, or
// would have to be installed and must not, is told in skipped.
func findPlayers(ctx context.Context, wanted []string, install bool) (players []player, skipped []string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	known := append(slices.Sorted(maps.Keys(participant.Table)), gossipmonger)
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, nil, fmt.Errorf("-participants: no %q; there are %v", name, known)
		}
	}
	for _, name := range known {
		switch {
		case len(wanted) > 0 && !slices.Contains(wanted, name):
		case name != gossipmonger:
			// Worlds are single-threaded, as those of node are.
			players = append(players, player{name, []string{self, "world", name}, []string{"GOMAXPROCS=1"}, []string{self, "node", name}})
		default:
			folder, err := findGossipmonger(ctx, install)
			if err != nil {
				skipped = append(skipped, fmt.Sprintf("%s: %v", name, err))
				continue
			}
			players = append(players, player{name, []string{"node", folder + "/world.js"}, nil, []string{"node", folder + "/live.js"}})
		}
	}
	return players, skipped, nil
}

// findGossipmonger returns the folder of gossipmonger's scripts, when all is there
// that they need; with install, npm may fetch what is not.
func findGossipmonger(ctx context.Context, install bool) (string, error) {
	const folder = "gossip/gossipmonger"
	if _, err := os.Stat(folder); err != nil {
		return "", fmt.Errorf("run this in the folder demo/bench: %w", err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", gossipmonger)); err == nil {
		return folder, nil
	}
	if !install {
		return "", fmt.Errorf("it is not installed; npm ci in %s does it, and so does a run without -short", folder)
	}
	ci := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts")
	ci.Dir = folder
	if out, err := ci.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %.400s", err, out)
	}
	return folder, nil
}
