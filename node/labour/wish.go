package labour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
)

// wishVersion is the version of the file that holds a [Wish].
const wishVersion = 1

// Wish says whose units the node's bees do.
type Wish struct {
	Version int      `json:"version"`
	On      bool     `json:"on"`
	Hives   []string `json:"hives,omitempty"`  // peer ids or full addresses; none: any hive
	Slots   int      `json:"slots,omitempty"`  // units at once
	Wall    int      `json:"wall_s,omitempty"` // seconds that a unit may take at most; 0: a day
	Memory  int64    `json:"memory,omitempty"` // bytes that a unit may use at most; 0: 1 GiB
	Hours   string   `json:"hours,omitempty"`  // FROM-TO, of the machine's clock, as 22-7; empty: always
	Native  []Native `json:"native,omitempty"`
}

// Native is a command that units may name.
type Native struct {
	Name string   `json:"name"`
	Argv []string `json:"argv"` // the program and its arguments
}

// Bounds of a wish.
const (
	maxHives  = 64
	maxSlots  = work.MaxTasks
	maxNative = work.MaxNames
)

// DefaultSlots is how many units a volunteer does at once when nobody says
// otherwise: half the processors.
func DefaultSlots() int { return max(1, runtime.NumCPU()/2) }

// loadWish reads the file. One that is not there is a wish for nothing.
func loadWish(path string) (Wish, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Wish{}, nil
	}
	if err != nil {
		return Wish{}, fmt.Errorf("volunteer: %w", err)
	}
	var w Wish
	if err := json.Unmarshal(data, &w); err != nil {
		return Wish{}, control.NewError(control.ExitConfig, 30, "%s cannot be read: %w", path, err).
			Because("%v", err).Try("batchain work volunteer, which writes it anew, after removing it")
	}
	if w.Version > wishVersion {
		return Wish{}, control.NewError(control.ExitConfig, 31, "%s is of version %d, this program knows up to %d", path, w.Version, wishVersion).
			Try("use the batchain that wrote it, or a newer one")
	}
	return w, nil
}

// Volunteer sets whose units the node does; see [control.Labour].
func (l *Labour) Volunteer(_ context.Context, req control.VolunteerRequest) (control.Volunteering, error) {
	w, err := wishOf(req)
	if err != nil {
		return control.Volunteering{}, err
	}
	data, err := json.MarshalIndent(w, "", "  ")
	if err == nil {
		err = os.MkdirAll(l.cfg.Dir, 0o700)
	}
	if err == nil {
		err = disk.WriteFile(l.wishFile(), append(data, '\n'), 0o600)
	}
	if err != nil {
		return control.Volunteering{}, fmt.Errorf("volunteer: %w", err)
	}
	l.mu.Lock()
	l.wish = w
	l.mu.Unlock()
	l.Look()
	l.changed()
	return l.volunteering(), nil
}

// wishOf reads a request.
func wishOf(req control.VolunteerRequest) (Wish, error) {
	w := Wish{Version: wishVersion, On: !req.Off, Slots: req.Slots, Wall: req.Wall, Memory: req.Memory, Hours: req.Hours}
	if req.Off {
		return w, nil
	}
	if w.Slots == 0 {
		w.Slots = DefaultSlots()
	}
	switch {
	case w.Slots < 0 || w.Slots > maxSlots:
		return w, control.NewError(control.ExitUsage, 30, "%d units at once cannot be done", req.Slots).Because("1 to %d can", maxSlots)
	case w.Wall < 0:
		return w, control.NewError(control.ExitUsage, 38, "a unit cannot take %d seconds at most", req.Wall).Because("0, for a day, and more can be said")
	case w.Hours != "" && !validHours(w.Hours):
		return w, control.NewError(control.ExitUsage, 43, "%q is no part of the day", req.Hours).Because("two hours are meant, 0 to 23, as 22-7: from 22:00 to 7:00")
	case w.Memory < 0:
		return w, control.NewError(control.ExitUsage, 39, "a unit cannot use %d bytes of memory at most", req.Memory).Because("0, for 1 GiB, and more can be said")
	case len(req.Hives) > maxHives || len(req.Native) > maxNative:
		return w, control.NewError(control.ExitUsage, 31, "too many hives or commands").Because("%d hives and %d commands are the most", maxHives, maxNative)
	}
	for _, text := range req.Hives {
		if _, err := hiveOf(text); err != nil {
			return w, control.NewError(control.ExitUsage, 32, "%q is neither a peer id nor a full address", text).Wrap(err)
		}
		w.Hives = append(w.Hives, text)
	}
	for _, text := range req.Native {
		n, err := nativeOf(text)
		if err != nil {
			return w, err
		}
		w.Native = append(w.Native, n)
	}
	return w, w.holds()
}

// holds refuses commands where they could not be held.
func (w *Wish) holds() error {
	if len(w.Native) == 0 {
		return nil
	}
	for _, layer := range exec.Layers() {
		if !layer.Holds {
			return control.NewError(control.ExitPermission, 30, "commands cannot be allowed on this machine").
				Because("the sandbox lacks %s: %s", layer.Name, layer.Detail).Try("batchain work volunteer, without --allow-native: modules are held all the same")
		}
	}
	return nil
}

// hiveOf reads a peer id or a full address.
func hiveOf(text string) (peer.AddrInfo, error) {
	if strings.HasPrefix(text, "/") {
		info, err := peer.AddrInfoFromString(text)
		if err != nil {
			return peer.AddrInfo{}, err
		}
		return *info, nil
	}
	id, err := peer.Decode(text)
	return peer.AddrInfo{ID: id}, err
}

// nativeOf reads NAME, a program in the path, or NAME=PROGRAM ARG….
func nativeOf(text string) (Native, error) {
	name, command, named := strings.Cut(text, "=")
	n := Native{Name: name, Argv: strings.Fields(command)}
	if !named {
		n.Argv = []string{name}
	}
	if name == "" || len(name) > work.MaxName || len(n.Argv) == 0 {
		return n, control.NewError(control.ExitUsage, 33, "%q names no command", text).Try("batchain work volunteer --allow-native 'NAME=PROGRAM ARG…'")
	}
	program, err := osexec.LookPath(n.Argv[0])
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return n, control.NewError(control.ExitNotFound, 30, "%s is not on this machine", n.Argv[0]).Wrap(err)
	}
	n.Argv[0] = program
	return n, nil
}

// command is n for the pool. It may read those of its arguments that are files.
func (n Native) command() exec.Command {
	return exec.Command{Name: n.Name, Argv: n.Argv, Read: files(n.Argv[1:])}
}

// files are the words that are absolute paths of what is there.
func files(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(word string) bool {
		_, err := os.Stat(word)
		return err != nil || !filepath.IsAbs(word)
	})
}

func (l *Labour) volunteering() control.Volunteering {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := control.Volunteering{On: l.wish.On, Hives: slices.Clone(l.wish.Hives), Slots: l.wish.Slots, Hours: l.wish.Hours, Native: []string{}, At: []string{}}
	if v.Hives == nil {
		v.Hives = []string{}
	}
	for _, n := range l.wish.Native {
		v.Native = append(v.Native, n.Name)
	}
	for id := range l.bees {
		v.At = append(v.At, id.String())
	}
	slices.Sort(v.At)
	return v
}

// Volunteers reports whether the node's bees do units of others.
func (l *Labour) Volunteers() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wish.On
}
