"""Holds the golden reports against docs/api/report.schema.json."""

import json
import pathlib
import sys

import jsonschema

folder = pathlib.Path(__file__).parent
with open(folder.parents[2] / "docs/api/report.schema.json", encoding="utf-8") as file:
    validator = jsonschema.Draft202012Validator(json.load(file))
reports = sorted((folder / "golden").glob("*.json"))
faults = 0
for report in reports:
    with open(report, encoding="utf-8") as file:
        for fault in validator.iter_errors(json.load(file)):
            print(f"{report.name}: {'.'.join(map(str, fault.absolute_path))}: {fault.message[:300]}")
            faults += 1
sys.exit(1 if faults or not reports else 0)
