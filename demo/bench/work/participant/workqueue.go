package participant

import (
	"bufio"
	"context"
	_ "embed" // for the manager
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed workqueue.py
var managerScript []byte

// python is the one that Debian's module is for.
const python = "/usr/bin/python3"

// workQueue returns Work Queue of the Cooperative Computing Tools.
func workQueue() System {
	return System{
		Name: "Work Queue", Spawns: true, Mends: 5 * time.Second,
		Sync:    "nothing: the queue is the manager's memory",
		Missing: missingWorkQueue,
		Start: func(ctx context.Context, p Place) (Queue, error) {
			q := &managerProcess{dir: p.Dir, unit: p.Unit}
			return q, q.Revive(ctx)
		},
	}
}

func missingWorkQueue() error {
	if err := lookFor("work_queue_worker", "coop-computing-tools"); err != nil {
		return err
	}
	if err := exec.Command(python, "-c", "import work_queue").Run(); err != nil {
		return fmt.Errorf("its Python module is %w (Debian: python3-workqueue)", ErrNotHere)
	}
	// The manager listens on all addresses, so it gets a network with loopback only.
	if err := exec.Command("unshare", "-rn", "ip", "link", "set", "lo", "up").Run(); err != nil {
		return fmt.Errorf("a network namespace is %w: %w", ErrNotHere, err)
	}
	return nil
}

// managerPort is in a network that nobody else is in.
const managerPort = 9123

// managerProcess is a manager and its workers.
type managerProcess struct {
	dir, unit string
	process   *process
	orders    *json.Encoder
	answers   chan managerAnswer
	outputs   chan [][]byte
	workers   workers
	started   int
}

// managerAnswer is a line of the manager's.
type managerAnswer struct {
	Ready   int      `json:"ready"`
	Added   int      `json:"added"`
	Outputs []string `json:"outputs"`
}

func (q *managerProcess) Revive(context.Context) error {
	script := filepath.Join(q.dir, "manager.py")
	if err := os.WriteFile(script, managerScript, 0o600); err != nil {
		return err
	}
	network := []string{"unshare", "-rn"}
	if len(q.workers) > 0 { // which are in the network of the manager before
		network = enter(q.workers[0].cmd.Process.Pid)
	}
	command := append(network, "sh", "-c", `ip link set lo up && exec "$@"`, "sh", python, script, q.unit, strconv.Itoa(managerPort))
	p, err := start(exec.Command(command[0], command[1:]...))
	if err != nil {
		return err
	}
	if err := p.await("ready"); err != nil {
		return err
	}
	q.process, q.orders = p, json.NewEncoder(p.in)
	q.answers, q.outputs = make(chan managerAnswer, 1), make(chan [][]byte, 1<<16)
	go listenToManager(p.out, q.answers, q.outputs)
	return nil
}

// enter is how a command begins that runs in the network of a process.
func enter(pid int) []string {
	return []string{"nsenter", "--preserve-credentials", "-U", "-n", "-t", strconv.Itoa(pid)}
}

func listenToManager(from *bufio.Reader, answers chan<- managerAnswer, outputs chan<- [][]byte) {
	defer close(answers)
	defer close(outputs)
	lines := json.NewDecoder(from)
	for {
		var a managerAnswer
		if lines.Decode(&a) != nil {
			return
		}
		if len(a.Outputs) == 0 {
			answers <- a
			continue
		}
		got := make([][]byte, len(a.Outputs))
		for i, text := range a.Outputs {
			got[i] = []byte(text)
		}
		outputs <- got
	}
}

// order gives the manager an order and waits for its answer.
func (q *managerProcess) order(ctx context.Context, what map[string]any) error {
	if err := q.orders.Encode(what); err != nil {
		return fmt.Errorf("%w: %.400s", err, q.process.errs.String())
	}
	select {
	case _, ok := <-q.answers:
		if !ok {
			return errEnded
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the manager does not answer: %w", ctx.Err())
	}
}

func (q *managerProcess) Add(ctx context.Context, inputs [][]byte) error {
	texts := make([]string, len(inputs))
	for i, input := range inputs {
		texts[i] = string(input)
	}
	return q.order(ctx, map[string]any{"add": texts})
}

func (q *managerProcess) Work(ctx context.Context, n int, env ...string) error {
	for range n {
		q.started++
		dir := filepath.Join(q.dir, fmt.Sprint("worker", q.started))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		command := append(enter(q.process.cmd.Process.Pid), "work_queue_worker", "--cores", "1", "-s", dir, "127.0.0.1", strconv.Itoa(managerPort))
		p, err := start(exec.Command(command[0], command[1:]...), env...)
		if err != nil {
			return err
		}
		q.workers = append(q.workers, p)
	}
	return q.order(ctx, map[string]any{"await": len(q.workers)})
}

func (q *managerProcess) Take(ctx context.Context) ([][]byte, error) {
	select {
	case outputs, ok := <-q.outputs:
		if !ok {
			return nil, errEnded
		}
		return outputs, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (q *managerProcess) Process() int { return q.process.cmd.Process.Pid }

func (q *managerProcess) Kill(workers int) error {
	q.process.kill()
	q.workers.kill(workers)
	return nil
}

func (q *managerProcess) Close() error {
	q.workers.stop((*process).kill)
	q.process.kill()
	return nil
}
