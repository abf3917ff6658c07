#!/usr/bin/env python3
"""pairs.py WORK OUT: finds the pairs of schemas that changed between successive versions.

Reads packages.txt and what `pull` unpacked under WORK/packages, and writes
OUT/<package>/<file>/<v1>__<v2>/{old,new}.json and the list of them, OUT/INDEX: kind and
folder, in an order by chance that is always the same.
"""
import collections
import hashlib
import json
import os
import random
import re
import shutil
import sys

MOST = 25  # pairs of one package, so that none outweighs the others
LARGEST = 1 << 20  # bytes of a document that Lazaret takes
ANNOTATIONS = {"title", "description", "markdownDescription", "default", "examples", "example", "$comment", "$id", "id",
               "$schema", "deprecated", "readOnly", "writeOnly", "tsType", "deprecationMessage", "doNotSuggest",
               "markdownEnumDescriptions", "enumDescriptions", "errorMessage", "defaultSnippets", "version"}
MAPS = {"properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas"}
VALUES = {"enum", "const"}


def bare(schema):
    """The schema without annotations, to tell whether anything that binds has changed."""
    if isinstance(schema, list):
        return [bare(v) for v in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key in VALUES:
            out[key] = value
        elif key in MAPS and isinstance(value, dict):
            out[key] = {name: bare(sub) for name, sub in value.items()}
        elif key not in ANNOTATIONS and not key.startswith("x-"):
            out[key] = bare(value)
    return out


def canon(value):
    return json.dumps(value, sort_keys=True)


def is_schema(doc):
    if not isinstance(doc, dict):
        return False
    said = doc.get("$schema")
    if isinstance(said, str):
        return "json-schema.org" in said and any(k in doc for k in ("type", "properties", "definitions", "$defs", "oneOf", "anyOf", "allOf", "$ref"))
    properties = doc.get("properties")
    return doc.get("type") in ("object", "array") and isinstance(properties, dict) and all(isinstance(p, (dict, bool)) for p in properties.values())


def references(schema):
    if isinstance(schema, list):
        for v in schema:
            yield from references(v)
    elif isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for v in schema.values():
            yield from references(v)


def closure(doc, holder, root):
    """The definition root, as a document with those that it reaches."""
    seen, todo = set(), [root]
    while todo:
        name = todo.pop()
        if name in seen or name not in doc[holder]:
            continue
        seen.add(name)
        for ref in references(doc[holder][name]):
            parts = ref.split("/")
            if ref.startswith(f"#/{holder}/") and len(parts) > 2:
                todo.append(parts[2].replace("~1", "/").replace("~0", "~"))
    return {"$schema": doc["$schema"], **doc[holder][root], holder: {name: doc[holder][name] for name in sorted(seen)}}


def parts(name, doc):
    """A document, or, where it is a book of definitions that one event or message each
    follows, these."""
    holder = "definitions" if "definitions" in doc else "$defs"
    if name.startswith("@octokit/webhooks-schemas"):
        for key in doc[holder]:
            if key.endswith("$event") or "$" in key:
                yield key, closure(doc, holder, key)
        return
    yield "", doc


def tidy(doc):
    """$schema without a version means the latest to its authors; draft-07 was that."""
    if doc.get("$schema", "").rstrip("#") in ("http://json-schema.org/schema", "https://json-schema.org/schema", ""):
        doc["$schema"] = "http://json-schema.org/draft-07/schema#"
    doc["$schema"] = re.sub(r"^https?://json-schema.org/(draft-0[467])/schema#?/?$", r"http://json-schema.org/\1/schema#", doc["$schema"])
    return doc


def schemas_of(work, package):
    """The schemas in a package, by file and definition."""
    root = os.path.join(work, "packages", package.replace("/", "+"))
    found = {}
    for folder, dirs, files in os.walk(root):
        dirs[:] = sorted(d for d in dirs if d not in ("node_modules", "test", "tests", "__tests__"))
        for file in sorted(files):
            path = os.path.join(folder, file)
            if not file.endswith(".json") or file in ("package.json", "tsconfig.json") or os.path.getsize(path) > 8 * LARGEST:
                continue
            try:
                with open(path, encoding="utf-8") as f:
                    doc = json.load(f)
            except (ValueError, RecursionError):
                continue
            if not is_schema(doc):
                continue
            for part, schema in parts(package, tidy(doc)):
                found[(os.path.relpath(path, root), part)] = schema
    return found


def main(work, out):
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    here = os.path.dirname(os.path.abspath(__file__))
    versions, kinds = collections.OrderedDict(), {}
    for line in open(os.path.join(here, "packages.txt")):
        if line.strip() and not line.startswith("#"):
            kind, package = line.split()
            name, version = package.rsplit("@", 1)
            versions.setdefault(name, []).append(version)
            kinds[name] = kind
    seen, index, left = set(), [], collections.Counter()
    for name, list_ in versions.items():
        before, mine = None, []
        for version in list_:
            now = schemas_of(work, f"{name}@{version}")
            for key, schema in now.items():
                if before is None or key not in before[1]:
                    continue
                old = before[1][key]
                a, b = canon(bare(old)), canon(bare(schema))
                if a == b:
                    continue
                digest = hashlib.sha256((a + "\0" + b).encode()).digest()
                if digest in seen:
                    left["seen before"] += 1
                elif any(not r.startswith("#") for r in (*references(old), *references(schema))):
                    left["refers to other files"] += 1
                elif max(len(json.dumps(old)), len(json.dumps(schema))) > LARGEST:
                    left["larger than 1 MB"] += 1
                else:
                    seen.add(digest)
                    file = re.sub(r"[^A-Za-z0-9._+-]+", "_", "_".join(k for k in key if k).removeprefix("package/"))
                    mine.append((os.path.join(name.replace("/", "+"), file, f"{before[0]}__{version}"), old, schema))
            before = (version, now)
        if len(mine) > MOST:
            left["beyond %d of one package" % MOST] += len(mine) - MOST
            mine = random.Random(name).sample(mine, MOST)
        for folder, old, new in mine:
            os.makedirs(os.path.join(out, folder))
            for file, doc in (("old", old), ("new", new)):
                with open(os.path.join(out, folder, file + ".json"), "w") as f:
                    json.dump(doc, f, indent=1)
            index.append(f"{kinds[name]} {folder}")
    random.Random("order").shuffle(index)
    with open(os.path.join(out, "INDEX"), "w") as f:
        f.write("".join(line + "\n" for line in index))
    print(f"{len(index)} pairs of {len({line.split()[1].split('/')[0] for line in index})} packages:", dict(collections.Counter(line.split()[0] for line in index)))
    print("left out:", dict(left))


if __name__ == "__main__":
    main(*sys.argv[1:3])
