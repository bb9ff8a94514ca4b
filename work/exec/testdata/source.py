#!/usr/bin/env python3
"""A source: cuts the Leibniz series into units, and adds their sums up.

Its context is {"units": N, "count": N}. A result is believed when all bees
agree on it. What it has seen would be lost with the process: one that is more
than an example keeps it on disk, and syncs before it says ok.
"""
import json
import sys


def say(**line):
    print(json.dumps(line), flush=True)


units = count = made = 0
chunks = {}

for text in sys.stdin:
    line = json.loads(text)
    kind = line["type"]
    if kind == "hello":
        units, count = line["context"]["units"], line["context"]["count"]
        say(type="ready", proto=1)
    elif kind == "next" and made < units:
        say(type="unit", id=line["id"], input={"from": made * count, "count": count})
        made += 1
    elif kind == "next":
        say(type="none", id=line["id"])
    elif kind == "validate":
        results = line["results"]
        if all(result == results[0] for result in results):
            say(type="verdict", id=line["id"], valid=True, data=results[0])
        else:
            say(type="verdict", id=line["id"], valid=False)
    elif kind == "chunk":
        chunks[line["seq"]] = line["data"]  # the same one may come twice
        say(type="ok", id=line["id"])
        say(type="log", message=f"pi is about {4 * sum(chunks.values()):.6f}")
    elif kind == "ping":
        say(type="pong", id=line["id"])
    elif kind == "stop":
        break
