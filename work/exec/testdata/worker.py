#!/usr/bin/env python3
"""A worker: adds up a part of the Leibniz series, whose sum is pi/4.

The input of a unit is {"from": N, "count": N}, its result a number.
"""
import json
import sys


def say(**line):
    print(json.dumps(line), flush=True)


def leibniz(unit):
    first, count = unit["from"], unit["count"]
    return sum((-1) ** k / (2 * k + 1) for k in range(first, first + count))


for text in sys.stdin:
    line = json.loads(text)
    kind = line["type"]
    if kind == "hello":
        say(type="ready", proto=1)
    elif kind == "work":
        try:
            say(type="result", id=line["id"], data=leibniz(line["input"]))
        except (KeyError, TypeError) as err:
            say(type="error", id=line["id"], code="input", message=str(err))
    elif kind == "ping":
        say(type="pong", id=line["id"])
    elif kind == "stop":
        break
