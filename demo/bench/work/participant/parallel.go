package participant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// parallel returns GNU parallel.
func parallel() System {
	return System{
		Name: Parallel, Spawns: true,
		Sync:    "units are a file, synced once; its log of finished jobs is not synced",
		Missing: func() error { return lookFor("parallel", "parallel") },
		Start: func(_ context.Context, p Place) (Queue, error) {
			return &parallelQueue{dir: p.Dir, unit: p.Unit}, nil
		},
	}
}

// parallelQueue is one run of parallel after the other, one for each Add: it has
// neither a queue that grows nor workers that wait.
type parallelQueue struct {
	dir, unit string
	jobs      int
	env       []string
	process   *process
	runs      int
}

func (q *parallelQueue) Work(_ context.Context, n int, env ...string) error {
	q.jobs += n
	q.env = env
	return nil
}

func (q *parallelQueue) file(what string) string {
	return filepath.Join(q.dir, fmt.Sprint(what, q.runs))
}

func (q *parallelQueue) Add(ctx context.Context, inputs [][]byte) error {
	q.process.stop()
	q.runs++
	f, err := os.Create(q.file("units"))
	if err != nil {
		return err
	}
	_, err = f.Write(append(bytes.Join(inputs, []byte("\n")), '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return q.Revive(ctx)
}

func (q *parallelQueue) Revive(context.Context) (err error) {
	cmd := exec.Command("parallel", "--will-cite", "-j", fmt.Sprint(q.jobs), "--joblog", q.file("log"), "--resume", "-a", q.file("units"), q.unit, "{}")
	cmd.Env = append(os.Environ(), "HOME="+q.dir)
	q.process, err = start(cmd, q.env...)
	return err
}

func (q *parallelQueue) Take(context.Context) ([][]byte, error) {
	line, err := q.process.out.ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return nil, errEnded
	}
	return [][]byte{bytes.TrimSuffix(line, []byte("\n"))}, err
}

func (q *parallelQueue) Process() int { return q.process.cmd.Process.Pid }

func (q *parallelQueue) Kill(int) error {
	q.process.kill()
	return nil
}

func (q *parallelQueue) Close() error {
	q.process.terminate()
	return nil
}
