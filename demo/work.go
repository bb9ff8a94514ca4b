package demo

import (
	"bytes"
	"context"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/dispatch"
)

// guests are the modules that do the units, and the projects they belong to;
// package work/guesttest has their source.
//
//go:embed guest
var guests embed.FS

// What the modules make of a unit, see package work/guesttest.
const (
	piUnits       = 60
	piTerms       = 200_000 // of the series, in a unit
	piScale       = 1e15    // of a result
	pictureWidth  = 320     // pixels
	pictureHeight = 240     // pixels, and units
)

// honest is how many bees do as they are told.
const honest = 4

// working plays a workgroup: a hive, honest bees, and one that cheats.
func working(ctx context.Context, s *stage) error {
	nodes, err := s.mesh(ctx, "node", honest+2)
	if err != nil {
		return err
	}
	hive, cheat := nodes[0], nodes[len(nodes)-1]
	s.say("%s has work; %d others volunteer, each bee in a sandbox of its own", hive.name, honest)
	for _, n := range nodes[1 : len(nodes)-1] {
		if _, err := n.Volunteer(ctx, control.VolunteerRequest{Slots: 1}); err != nil {
			return err
		}
	}
	if err := cheat.meet(ctx, 1); err != nil {
		return err
	}
	s.say("%s volunteers too, does nothing, and makes results up", cheat.name)
	stop := cheating(ctx, cheat, hive)
	defer stop()
	if err := s.pi(ctx, hive, cheat); err != nil {
		return err
	}
	return s.picture(ctx, hive)
}

// cheating has a member hand in results that it never computed.
func cheating(ctx context.Context, cheat, hive *member) (stop func()) {
	liar := bee.New(bee.Config{
		Hive:   dispatch.NewClient(dispatch.ClientConfig{Host: cheat.Host(), Mesh: meshName, Hive: hive.ID()}),
		Runner: inventor{}, Kinds: []work.Kind{work.WASM},
	})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = liar.Run(ctx) // it returns nil
	}()
	return func() { cancel(); <-done }
}

// inventor makes up what a unit costs and what comes of it.
type inventor struct{}

// Run answers after about as long as the work would take.
func (inventor) Run(ctx context.Context, _ work.Program, _ []byte, _ func(uint16)) (bee.Outcome, error) {
	timer := time.NewTimer(5 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return bee.Outcome{Output: []byte("3"), Fuel: 1_000_000}, nil
	case <-ctx.Done():
		return bee.Outcome{}, context.Cause(ctx)
	}
}

// pi sums up the series of Leibniz, and sees who was caught.
func (s *stage) pi(ctx context.Context, hive, cheat *member) error {
	s.say("project pi: %d units of %d terms of 4/1 - 4/3 + 4/5 - …", piUnits, piTerms)
	sum, agreed := int64(0), map[string]int{}
	project, took, err := s.project(ctx, hive, "pi", func(d control.Datachunk) error {
		var part int64
		if err := json.Unmarshal(d.Output, &part); err != nil {
			return fmt.Errorf("unit %d: %w", d.Seq, err)
		}
		sum += part
		for _, b := range d.Bees {
			agreed[b]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	pi := float64(sum) / piScale
	s.check(math.Abs(pi-math.Pi) < 2.0/(piUnits*piTerms), "pi is %.7f, after %s and %.2f executions a unit", pi, took, float64(project.Attempts)/piUnits)
	s.check(agreed[cheat.ID().String()] == 0, "nothing of what %s made up is in it", cheat.name)
	s.check(slices.Equal(project.Caught, []string{cheat.ID().String()}), "%s, and nobody else, was caught", cheat.name)
	return nil
}

// picture renders the Mandelbrot set, a row a unit.
func (s *stage) picture(ctx context.Context, hive *member) error {
	s.say("project mandelbrot: a picture of %d × %d, a row a unit", pictureWidth, pictureHeight)
	picture := image.NewGray(image.Rect(0, 0, pictureWidth, pictureHeight))
	rows := 0
	_, took, err := s.project(ctx, hive, "mandelbrot", func(d control.Datachunk) error {
		var text string
		if err := json.Unmarshal(d.Output, &text); err != nil {
			return err
		}
		row, err := hex.DecodeString(text)
		if err != nil || len(row) != pictureWidth {
			return fmt.Errorf("row %d has %d pixels: %w", d.Seq, len(row), errors.Join(err, ErrFailed))
		}
		for x, steps := range row {
			picture.SetGray(x, int(d.Seq), color.Gray{Y: 255 - steps})
		}
		rows++
		return nil
	})
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		return err
	}
	path := filepath.Join(os.TempDir(), "batchain-mandelbrot.png")
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		return err
	}
	inside, outside := picture.GrayAt(pictureWidth*2/3, pictureHeight/2), picture.GrayAt(2, 2)
	s.check(rows == pictureHeight && inside.Y == 0 && outside.Y > 250, "%d rows after %s: the picture is %s", rows, took, path)
	return nil
}

// project submits one of the shipped projects and takes its results.
func (s *stage) project(ctx context.Context, hive *member, name string, take func(control.Datachunk) error) (control.Project, string, error) {
	if err := os.CopyFS(filepath.Join(s.dir, "projects"), guests); err != nil && !errors.Is(err, os.ErrExist) {
		return control.Project{}, "", err
	}
	began := time.Now()
	path := filepath.Join(s.dir, "projects", "guest", name+".toml")
	if _, err := hive.Submit(ctx, control.SubmitRequest{Path: path}, quiet); err != nil {
		return control.Project{}, "", err
	}
	next := uint64(0)
	err := hive.Results(ctx, control.ResultsRequest{Name: name, Follow: true}, func(d control.Datachunk) error {
		if d.Seq != next || d.State != "valid" {
			return fmt.Errorf("datachunk %d is %s, wanted was %d: %s", d.Seq, d.State, next, d.Reason)
		}
		next++
		return take(d)
	})
	if err != nil {
		return control.Project{}, "", err
	}
	took := time.Since(began).Round(100 * time.Millisecond).String()
	list, err := hive.Projects(ctx, control.ProjectsRequest{Name: name})
	if err != nil {
		return control.Project{}, "", err
	}
	return list.Projects[0], took, nil
}
