#!/usr/bin/env python3
"""A source: cuts the Leibniz series into units, and adds their sums up.

    source.py [FILE]

Its context is {"units": N, "count": N}. A result is believed when all bees
agree on it. What came of the units is kept in FILE, one JSON object a line, and
is on the disk before it says ok: started again, it has everything that it had.
"""
import json
import os
import sys


def say(**line):
    print(json.dumps(line), flush=True)


def read(path):
    """Returns what is in FILE, and FILE, open to be continued."""
    chunks, good = {}, 0
    with open(path, "ab+") as file:
        file.seek(0)
        for text in file:
            if not text.endswith(b"\n"):
                break  # we were killed in it: it comes once more
            chunk = json.loads(text)
            chunks[chunk["seq"]] = chunk["data"]
            good += len(text)
        file.truncate(good)
    return chunks, open(path, "ab")


def keep(seq, data):
    if seq in chunks:
        return  # the same one may come twice
    chunks[seq] = data
    if journal:
        journal.write(json.dumps({"seq": seq, "data": data}).encode() + b"\n")
        journal.flush()
        os.fsync(journal.fileno())


chunks, journal = read(sys.argv[1]) if len(sys.argv) > 1 else ({}, None)
units = count = 0

for text in sys.stdin:
    line = json.loads(text)
    kind = line["type"]
    if kind == "hello":
        units, count = line["context"]["units"], line["context"]["count"]
        say(type="ready", proto=1)
    elif kind == "next":
        if line["seq"] < units:  # the number says which: there is nothing to remember
            say(type="unit", id=line["id"], input={"from": line["seq"] * count, "count": count})
        else:
            say(type="none", id=line["id"])
    elif kind == "validate":
        results = line["results"]
        if all(result == results[0] for result in results):
            say(type="verdict", id=line["id"], valid=True, data=results[0])
        else:
            say(type="verdict", id=line["id"], valid=False)
    elif kind == "chunk":
        if "code" in line:
            say(type="log", message=f"unit {line['seq']} {line['code']}: {line.get('message')}")
            keep(line["seq"], 0)
        else:
            keep(line["seq"], line["data"])
        say(type="ok", id=line["id"])
        say(type="log", message=f"pi is about {4 * sum(chunks.values()):.6f}")
    elif kind == "ping":
        say(type="pong", id=line["id"])
    elif kind == "stop":
        break
