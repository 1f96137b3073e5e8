"""Holds the JSON Schemas of experiments/schema against the case files that the codec is held against, too.

Beside the cases of the codec are those of populations, which core/simulate reads (tests/core/simulate/cases).

A case under cases/good has to pass its schema, one under cases/bad has to fail it; a case that says `schema_differs`
(what a schema cannot express, or says in addition) has to do the opposite. Every property of a schema needs a
description, and every example has to fit where it stands.

With the program that reads YAML as a workspace is read, every file of a workspace has to pass the schema that its
first line names.

    python3 check_schemas.py SCHEMA_FOLDER CASES_FOLDER [YAML_TO_JSON WORKSPACE]
"""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema

FILES = {
    "flag": "flag",
    "segment": "segment",
    "layer": "layers",
    "holdout": "holdouts",
    "experiment": "experiment",
    "metric": "metric",
    "project": "guidon",
    "test": "tests",
    "population": "population",
}


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def children(schema):
    """Each subschema that shapes a document, with the name of the property it describes, if it is one's."""
    for key in ("properties", "$defs"):
        for name, child in schema.get(key, {}).items():
            yield (name if key == "properties" else None), child
    for key in ("then", "else", "items", "additionalProperties", "propertyNames"):
        if key in schema:
            yield None, schema[key]
    for key in ("allOf", "anyOf", "oneOf"):
        for child in schema.get(key, []):
            yield None, child


class Folder:
    def __init__(self, folder):
        self.schemas = {path.name: load(path) for path in sorted(folder.glob("*.schema.json"))}
        self.base = folder.resolve().as_uri() + "/"

    def validator(self, name, schema=None):
        store = {self.base + file: content for file, content in self.schemas.items()}
        root = self.schemas[name]
        resolver = jsonschema.RefResolver(base_uri=self.base + name, referrer=root, store=store)
        return jsonschema.Draft202012Validator(root if schema is None else schema, resolver=resolver)

    def faults(self):
        for name, schema in self.schemas.items():
            jsonschema.Draft202012Validator.check_schema(schema)
            yield from self.faults_within(name, schema, name)

    def faults_within(self, file, schema, where):
        if isinstance(schema, bool):
            return
        for example in schema.get("examples", []):
            if not self.validator(file, schema).is_valid(example):
                yield f"{where}: the example {json.dumps(example)} does not fit"
        for name, child in children(schema):
            inner = f"{where}/{name}" if name else where
            # What has no shape of its own only narrows what is described elsewhere.
            narrows = not isinstance(child, dict) or not ({"type", "$ref", "enum", "examples"} & child.keys())
            if name and not narrows and "description" not in child:
                yield f"{inner}: no description"
            yield from self.faults_within(file, child, inner)


def verdicts(folder, cases):
    for path in sorted(cases.glob("*/*.json")):
        case = load(path)
        passes = folder.validator(FILES[case["what"]] + ".schema.json").is_valid(case["document"])
        wanted = (path.parent.name == "good") != ("schema_differs" in case)
        if passes != wanted:
            yield f"{path.parent.name}/{path.name}: the schema {'accepts' if passes else 'refuses'} it"


def workspace_faults(folder, yaml_to_json, workspace):
    """Files that name no schema or another than their folder has, and documents that do not fit."""
    paths = sorted(workspace.rglob("*.yaml"))
    read = json.loads(subprocess.run([yaml_to_json, *paths], check=True, capture_output=True, text=True).stdout)
    for path in paths:
        named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text(encoding="utf-8"))
        schema = (path.parent / named[1]).resolve() if named else None
        if schema is None or schema.name not in folder.schemas or not schema.is_file():
            yield f"{path.name}: its first line names no schema of ours"
            continue
        for number, document in enumerate(read[str(path)]):
            for error in folder.validator(schema.name).iter_errors(document):
                yield f"{path.name}, document {number}: {error.json_path}: {error.message[:200]}"
    if len(paths) < 15:
        yield f"{workspace}: only {len(paths)} files were found"


def main():
    folder = Folder(pathlib.Path(sys.argv[1]))
    cases = pathlib.Path(sys.argv[2])
    faults = list(folder.faults()) + list(verdicts(folder, cases))
    faults += verdicts(folder, cases.parent.parent / "simulate" / "cases")
    if len(sys.argv) > 3:
        faults += workspace_faults(folder, sys.argv[3], pathlib.Path(sys.argv[4]).resolve())
    for fault in faults:
        print(fault)
    counted = {kind: len(list((cases / kind).glob("*.json"))) for kind in ("good", "bad")}
    print(f"{len(folder.schemas)} schemas, {counted['good']} good and {counted['bad']} bad cases, {len(faults)} faults")
    if len(folder.schemas) < 9 or counted["good"] < 25 or counted["bad"] < 60:
        print("too few schemas or cases were found")
        return 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
