#!/usr/bin/env python3
"""ask.py PAIRS: asks jsonsubschema about each pair of PAIRS/INDEX, both ways.

Each question is a process of its own with LIMIT seconds of processor time and 4 GB, one at
a time; the time of an answer is the processor's as well. What is answered goes to PAIRS/jsonsubschema.jsonl, line by line; what is there already is not asked
again, so that a run can be stopped and taken up.
"""
import json
import os
import resource
import signal
import sys
import time

LIMIT = 20


def inlined(doc):
    """The document without a reference at its root, which jsonref loses the way after."""
    ref = doc.get("$ref", "")
    if not ref.startswith("#/"):
        return doc
    at = doc
    for token in ref[2:].split("/"):
        at = at[token.replace("~1", "/").replace("~0", "~")]
    return {**{k: v for k, v in doc.items() if k != "$ref"}, **at}


def ask(old, new, out):
    """Runs in the child: writes the answer and the seconds without reading the files."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 1))
    with open(old) as f:
        a = inlined(json.load(f))
    with open(new) as f:
        b = inlined(json.load(f))
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1), os.dup2(sink, 2)
    start = time.process_time()
    try:
        said = "compatible" if isSubschema(a, b) else "incompatible"
    except BaseException as e:  # what it cannot do it raises, in many ways
        said = "raised " + type(e).__name__
    seconds = time.process_time() - start
    os.write(out, json.dumps({"answer": said, "seconds": round(seconds, 6)}).encode())


def question(old, new):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        signal.alarm(20 * LIMIT)  # ends the process, also where it waits
        os.close(read)
        try:
            ask(old, new, write)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as f:
        text = f.read()
    _, status = os.waitpid(pid, 0)
    if text:
        return json.loads(text)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM):
        return {"answer": "timed out", "seconds": LIMIT}
    return {"answer": "died", "seconds": None}


def main(pairs):
    path = os.path.join(pairs, "jsonsubschema.jsonl")
    done = set()
    if os.path.exists(path):
        done = {(r["pair"], r["direction"]) for r in map(json.loads, open(path))}
    with open(path, "a") as out:
        for line in open(os.path.join(pairs, "INDEX")):
            kind, pair = line.split()
            old, new = (os.path.join(pairs, pair, f) for f in ("old.json", "new.json"))
            for direction, a, b in (("backward", old, new), ("forward", new, old)):
                if (pair, direction) in done:
                    continue
                result = question(a, b)
                out.write(json.dumps({"pair": pair, "kind": kind, "direction": direction, **result}) + "\n")
                out.flush()


if __name__ == "__main__":
    from jsonsubschema import isSubschema
    main(sys.argv[1])
