package participant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/demo/bench/work/unit"
)

// asynqSystem returns asynq on a Redis that syncs its log as fsync says.
func asynqSystem(name, fsync, sync string, only ...string) System {
	return System{
		Name: name, Sync: sync, Only: only,
		Mends:   100 * time.Second, // it looks once a minute for leases of half a minute
		Missing: func() error { return lookFor("redis-server", "redis-server") },
		Start: func(ctx context.Context, p Place) (Queue, error) {
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			q := &asynqQueue{dir: p.Dir, port: port, fsync: fsync, from: "0"}
			return q, q.Revive(ctx)
		},
	}
}

// lookFor returns ErrNotHere, and where to get it, unless there is a program.
func lookFor(program, debian string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s is %w (Debian: %s)", program, ErrNotHere, debian)
	}
	return nil
}

// asynqQueue is Redis, asynq's workers, and a Redis stream of results: asynq's own
// way to keep a result, with its task, cannot be waited for.
type asynqQueue struct {
	dir, fsync string
	port       int
	server     *process
	workers    workers
	client     *asynq.Client
	redis      *redis.Client
	from       string // the last result that was taken
}

// resultStream is the key of the results.
const resultStream = "bench:results"

// asynqTask is the type of all tasks.
const asynqTask = "unit"

func (q *asynqQueue) address() string { return fmt.Sprintf("127.0.0.1:%d", q.port) }

func (q *asynqQueue) Revive(ctx context.Context) (err error) {
	q.server, err = start(exec.Command("redis-server", "--bind", "127.0.0.1", "--port", fmt.Sprint(q.port), "--dir", q.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", q.fsync))
	if err != nil {
		return err
	}
	go func(out io.Reader) { _, _ = io.Copy(io.Discard, out) }(q.server.out)
	if q.client == nil {
		q.client = asynq.NewClient(asynq.RedisClientOpt{Addr: q.address()})
		q.redis = redis.NewClient(&redis.Options{Addr: q.address()})
	}
	return until(ctx, func() bool { return q.redis.Ping(ctx).Err() == nil })
}

// revival is how long a queue may take to begin: it may have a million units.
const revival = time.Minute

// until asks again and again whether something is so.
func until(ctx context.Context, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, revival)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it did not begin: %w", ctx.Err())
		}
	}
	return nil
}

// enqueuers is how many tasks are on their way to Redis at once: asynq has no
// way to hand in many, and Redis syncs once for all that have come.
const enqueuers = 64

func (q *asynqQueue) Add(ctx context.Context, inputs [][]byte) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range enqueuers {
		group.Go(func() error {
			for n := i; n < len(inputs); n += enqueuers {
				if _, err := q.client.EnqueueContext(ctx, asynq.NewTask(asynqTask, inputs[n])); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (q *asynqQueue) Work(_ context.Context, n int, env ...string) error {
	return q.workers.startRoles(n, "asynq", q.address(), env...)
}

func (q *asynqQueue) Take(ctx context.Context) ([][]byte, error) {
	streams, err := []redis.XStream(nil), error(redis.Nil)
	for errors.Is(err, redis.Nil) && ctx.Err() == nil { // none came within a second
		streams, err = q.redis.XRead(ctx, &redis.XReadArgs{Streams: []string{resultStream, q.from}, Count: 1000, Block: time.Second}).Result()
	}
	if err != nil {
		return nil, err
	}
	var outputs [][]byte
	for _, message := range streams[0].Messages {
		text, _ := message.Values["output"].(string)
		outputs = append(outputs, []byte(text))
		q.from = message.ID
	}
	return outputs, nil
}

func (q *asynqQueue) Process() int { return q.server.cmd.Process.Pid }

func (q *asynqQueue) Kill(workers int) error {
	q.server.kill()
	q.workers.kill(workers)
	return nil
}

func (q *asynqQueue) Close() error {
	q.workers.stop((*process).kill)
	err := errors.Join(q.client.Close(), q.redis.Close())
	q.server.terminate()
	return err
}

// beAsynq is a worker. It takes 64 tasks at once, since it waits for Redis three
// times for each, and asks four times as often as asynq does by itself.
func beAsynq(ctx context.Context, config []byte, in io.Reader, out io.Writer) error {
	var address string
	if err := json.Unmarshal(config, &address); err != nil {
		return err
	}
	results := redis.NewClient(&redis.Options{Addr: address})
	server := asynq.NewServer(asynq.RedisClientOpt{Addr: address}, asynq.Config{
		Concurrency: 64, TaskCheckInterval: 10 * time.Millisecond, LogLevel: asynq.FatalLevel,
	})
	err := server.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		output, err := unit.Serve(task.Payload())
		if err != nil {
			return err
		}
		return results.XAdd(ctx, &redis.XAddArgs{Stream: resultStream, Values: []any{"output", output}}).Err()
	}))
	if err != nil {
		return err
	}
	if err := ready(out); err != nil {
		return err
	}
	<-untilEOF(ctx, in).Done()
	server.Shutdown()
	return results.Close()
}
