"""`wirechamber schema`: the JSON Schema of job files, with which an editor completes and checks them."""

import argparse
import json
from typing import Any

from app.commands._parser import read_path
from app.config import Job
from app.config.job_file import Sweep
from app.config.workflow import Workflow
from app.core.files import write_text
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("--out", type=read_path, help="write to this file instead of printing")


def execute(options: argparse.Namespace) -> int:
    """Print the schema, or write it to a file."""
    text = json.dumps(schema(), indent=0) + "\n"
    if options.out is None:
        console.print(text, end="")
    else:
        write_text(options.out, text)
    return 0


def schema() -> dict[str, Any]:
    """Return the schema of a file that is a job, a job that extends another, a sweep or a workflow.

    A file that extends another may leave out any key at any depth, so missing keys are reported only of a job
    that extends nothing, at its top level; `wirechamber validate` reports the rest.
    """
    whole = Job.model_json_schema(by_alias=True)
    required = whole.pop("required")
    definitions = whole.pop("$defs")
    extending = {"extends": {"type": "string", "description": "a job file whose content this one changes"}}
    job = {**whole, "properties": {**whole["properties"], **extending}}
    workflow = Workflow.model_json_schema(by_alias=True)
    definitions |= {name: content for name, content in workflow.pop("$defs").items() if name not in definitions}
    alone = {"anyOf": [{"required": required}, {"required": ["extends"]}, {"not": {"required": ["name"]}}]}
    described = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Wirechamber job",
        "$defs": _all_optional(definitions),
        "if": {"required": ["sweep"]},
        "then": Sweep.model_json_schema(by_alias=True),
        "else": {
            "if": {"anyOf": [{"required": ["workflow"]}, {"required": ["steps"]}]},
            "then": workflow,
            "else": {**_all_optional(job), **alone},
        },
    }
    return dict(_check_names(described))


def _check_names(schema: Any) -> Any:
    """Return the schema with the patterns of keys as rules: pydantic lets a key that fits none through."""
    if isinstance(schema, list):
        return [_check_names(content) for content in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _check_names(value) for key, value in schema.items() if key != "patternProperties"}
    if patterns := schema.get("patternProperties"):
        ((pattern, values),) = patterns.items()
        kept["propertyNames"] = {"pattern": pattern, **kept.get("propertyNames", {})}
        kept["additionalProperties"] = _check_names(values)
    return kept


def _all_optional(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if not (key == "required" and isinstance(value, list))}
        return {key: _all_optional(value) for key, value in kept.items()}
    return [_all_optional(content) for content in schema] if isinstance(schema, list) else schema
