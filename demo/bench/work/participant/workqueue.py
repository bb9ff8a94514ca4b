"""A Work Queue manager for the comparison: orders are JSON lines on standard
input, outputs JSON lines on standard output.

    {"await": 2}            answered by {"ready": 2} once so many workers are there
    {"add": ["1 1 xxx"]}    answered by {"added": 1}; there is nothing to sync
"""
import json
import queue
import shlex
import sys
import threading

import work_queue

unit, port = sys.argv[1], int(sys.argv[2])
manager = work_queue.WorkQueue(port)
orders = queue.Queue()


def listen():
    for line in sys.stdin:
        orders.put(json.loads(line))
    orders.put(None)


def tell(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def carry_out(order):
    if "await" in order:
        while manager.stats.workers_connected < order["await"]:
            manager.wait(1)
        tell(ready=order["await"])
        return
    for text in order["add"]:
        manager.submit(work_queue.Task(shlex.join([unit, text])))
    tell(added=len(order["add"]))


threading.Thread(target=listen, daemon=True).start()
print("ready", flush=True)
while True:
    while manager.empty() or not orders.empty():
        order = orders.get()
        if order is None:
            sys.exit(0)
        carry_out(order)
    task = manager.wait(1)
    if task is not None:
        if task.return_status != 0:
            sys.exit(f"a unit ended with {task.return_status}: {task.output}")
        tell(outputs=[task.output.strip()])
