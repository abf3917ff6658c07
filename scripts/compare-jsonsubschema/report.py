#!/usr/bin/env python3
"""report.py PAIRS: sets the answers of jsonsubschema and of Lazaret side by side.

Who is right where they differ is shown by Lazaret's witness, which python's jsonschema is
asked about: it must accept it under the one schema and refuse it under the other. A
"compatible" of Lazaret's that jsonsubschema denies has no such proof and is listed.
"""
import collections
import json
import os
import sys

import jsonschema

SAID = ("compatible", "incompatible")


def load(path):
    with open(path) as f:
        return {(r["pair"], r["direction"]): r for r in map(json.loads, f)}


def accepts(schema, value):
    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return cls(schema, format_checker=cls.FORMAT_CHECKER).is_valid(value)


def proved(pairs, row):
    """Whether python's jsonschema finds the witness of a row good: None where it fails."""
    docs = {}
    for name in ("old", "new"):
        with open(os.path.join(pairs, row["pair"], name + ".json")) as f:
            docs[name] = json.load(f)
    accepting, refusing = ("old", "new") if row["direction"] == "backward" else ("new", "old")
    try:
        witness = row["break"]["witness"]
        return accepts(docs[accepting], witness) and not accepts(docs[refusing], witness)
    except Exception:
        return None


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


def brief(answer):
    return answer if answer in SAID else "cannot say"


def main(pairs):
    theirs, ours = load(os.path.join(pairs, "jsonsubschema.jsonl")), load(os.path.join(pairs, "lazaret.jsonl"))
    invalid = {k for k, r in ours.items() if "not a valid schema" in r["answer"] or "larger than" in r["answer"]}
    keys = [k for k in ours if k in theirs and k not in invalid]
    print(f"{len(keys)} questions of {len({k[0] for k in keys})} pairs of {len({k[0].split('/')[0] for k in keys})} packages;",
          f"{len({k[0] for k in invalid})} pairs left out, of which one version is no valid JSON Schema")
    print("kinds:", dict(collections.Counter(ours[k]["kind"] for k in keys if k[1] == "backward")))

    table = collections.Counter((brief(ours[k]["answer"]), brief(theirs[k]["answer"])) for k in keys)
    rows = (*SAID, "cannot say")
    print("\n| Lazaret \\ jsonsubschema | " + " | ".join(rows) + " |\n|---|---|---|---|")
    for a in rows:
        print(f"| {a} | " + " | ".join(str(table[a, b]) for b in rows) + " |")
    for name, side in (("Lazaret", ours), ("jsonsubschema", theirs)):
        unsaid = collections.Counter(side[k]["answer"].split(": ")[-1] if "not compiled" in side[k]["answer"] else side[k]["answer"] for k in keys if side[k]["answer"] not in SAID)
        times = [side[k]["seconds"] for k in keys if side[k]["seconds"] is not None and "not compiled" not in side[k]["answer"]]
        print(f"\n{name}: cannot say {sum(unsaid.values())} of {len(keys)} ({sum(unsaid.values()) / len(keys):.1%}); a question p50 {quantile(times, .5) * 1e3:.2f} ms, p99 {quantile(times, .99) * 1e3:.0f} ms, slowest {max(times) * 1e3:.0f} ms")
        for why, n in unsaid.most_common():
            print(f"  {n} {why}")
    whole = [ours[k]["with_compile"] for k in keys if "not compiled" not in ours[k]["answer"]]
    print(f"Lazaret with compiling both: p50 {quantile(whole, .5) * 1e3:.2f} ms, p99 {quantile(whole, .99) * 1e3:.0f} ms")
    doubts = collections.Counter(d["construct"] for k in keys for d in ours[k].get("doubts", [])[:1])
    print("doubts by construct:", dict(doubts.most_common()))

    judged = collections.Counter(proved(pairs, ours[k]) for k in keys if ours[k]["answer"] == "incompatible")
    print("\nwitnesses that python's jsonschema confirms:", dict(judged))
    for k in keys:
        a, b = ours[k]["answer"], theirs[k]["answer"]
        if a == "incompatible" and proved(pairs, ours[k]) is not True:
            print("not confirmed:", *k, json.dumps(ours[k]["break"])[:300])
        if a in SAID and b in SAID and a != b:
            print(f"differ: {k[0]} {k[1]}: Lazaret {a}, jsonsubschema {b}",
                  f"(witness confirmed: {proved(pairs, ours[k])}; {ours[k]['break']['keyword']} at {ours[k]['break']['pointer']})" if a == "incompatible" else "")


if __name__ == "__main__":
    main(sys.argv[1])
