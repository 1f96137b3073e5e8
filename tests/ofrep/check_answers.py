"""Holds answers of the server against the OpenAPI document of OFREP 0.3.

    python3 check_answers.py FILE

FILE is a JSON document: {"openapi": the document, "answers": [{"operation", "status", "body"}, …]}. Prints a line for
every answer that its schema does not allow, and ends with 1 then.

Two things in the document allow no answer at all when they are taken at their word; they are read as they are meant:
a flag's value is described by `oneOf`, of which the last, the flag without a value, fits those with a value too, and a
whole number is an integer and a float.
"""

import json
import sys

import jsonschema


def as_meant(document):
    schemas = document["components"]["schemas"]
    schemas["codeDefaultFlag"] = {"type": "object", "not": {"required": ["value"]}}
    for part in schemas["evaluationSuccess"]["allOf"]:
        if "oneOf" in part:
            part["anyOf"] = part.pop("oneOf")
    return document


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        work = json.load(file)
    document = as_meant(work["openapi"])
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    faults = 0
    for answer in work["answers"]:
        where = f"{answer['operation']} {answer['status']}"
        response = operations[answer["operation"]]["responses"].get(str(answer["status"]))
        if response is None:
            print(f"{where}: a status that the document does not have")
            faults += 1
            continue
        content = response.get("content")
        if content is None:
            continue
        schema = content["application/json"]["schema"]
        validator = jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver(base_uri="", referrer=document)
        )
        for fault in validator.iter_errors(answer["body"]):
            print(f"{where}: {fault.message} at {list(fault.absolute_path)} in {json.dumps(answer['body'])}")
            faults += 1
    return 1 if faults or not work["answers"] else 0


sys.exit(main())
