"""Holds files of the gate's formats, the golden ones unless others are named, against the schemas of SARIF 2.1.0 and of
JUnit XML.

    python3 check_formats.py SHARED_FOLDER [FILE.sarif|FILE.xml...]

The schemas are no part of the project: without them nothing is checked, and that is said (exit code 77: skipped).
"""

import json
import pathlib
import subprocess
import sys

import jsonschema

GOLDEN = pathlib.Path(__file__).parent / "golden"


def unplaced(sarif):
    """The schema does not ask for a place; GitHub's code scanning takes no result without one."""
    for run in sarif["runs"]:
        for result in run["results"]:
            place = (result.get("locations") or [{}])[0].get("physicalLocation", {})
            if not place.get("artifactLocation", {}).get("uri"):
                yield f"a result of {result['ruleId']} has no file"


def main():
    schemas = pathlib.Path(sys.argv[1]) / "schemas" if len(sys.argv) > 1 and sys.argv[1] else None
    if schemas is None or not (schemas / "JUnit.xsd").exists():
        print("skipped: there is no folder with sarif-schema-2.1.0.json and JUnit.xsd (GUIDON_SHARED)")
        return 77
    schema = json.loads((schemas / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    faults = 0
    checked = 0
    files = [pathlib.Path(name) for name in sys.argv[2:]] or sorted(GOLDEN.glob("*"))
    for path in [path for path in files if path.suffix == ".sarif"]:
        checked += 1
        for error in validator.iter_errors(json.loads(path.read_text(encoding="utf-8"))):
            print(f"{path.name}: {'/'.join(map(str, error.absolute_path))}: {error.message}")
            faults += 1
        for fault in unplaced(json.loads(path.read_text(encoding="utf-8"))):
            print(f"{path.name}: {fault}")
            faults += 1
    for path in [path for path in files if path.suffix == ".xml"]:
        checked += 1
        done = subprocess.run(["xmllint", "--noout", "--schema", str(schemas / "JUnit.xsd"), str(path)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stderr.strip())
            faults += 1
    print(f"{checked} files, {faults} faults")
    return 1 if faults or checked < (len(sys.argv[2:]) or 4) else 0


if __name__ == "__main__":
    sys.exit(main())
