"""`wirechamber schema`: the JSON Schema of job files, with which an editor completes and checks them."""

from __future__ import annotations

import argparse
import json
from typing import Any

from app.config import Job
from app.console import console
from app.core.files import write_text
from app.job_file import Sweep


def execute(options: argparse.Namespace) -> int:
    """Print the schema, or write it to a file."""
    text = json.dumps(schema(), indent=1) + "\n"
    if options.out is None:
        console.print(text, markup=False, end="")
    else:
        write_text(options.out, text)
    return 0


def schema() -> dict[str, Any]:
    """Return the schema of a file that is a job, a job that extends another, or a sweep."""
    whole = Job.model_json_schema(by_alias=True)
    definitions = whole.pop("$defs")
    required = whole.pop("required", [])
    extending = {"extends": {"type": "string", "description": "a job file whose content this one changes"}}
    job = {**whole, "properties": {**whole["properties"], **extending}}
    sweep = Sweep.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Wirechamber job",
        "$defs": {**definitions, **sweep.pop("$defs", {})},
        "if": {"required": ["sweep"]},
        "then": sweep,
        "else": {**job, "anyOf": [{"required": required}, {"required": ["extends"]}, {"required": ["training"]}]},
    }
