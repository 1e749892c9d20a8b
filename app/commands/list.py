"""`wirechamber list`: the components, and what each takes.

Names and summaries are read from the text of the components' files: importing all of them takes a second. A component
that is explained by name is imported.
"""

import argparse
import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from app.commands._data import print_data, wants_data
from app.commands._parser import add_formats
from app.core.errors import UserError, unknown
from app.core.files import REPOSITORY
from app.core.own_components import own_folders
from app.runtime.console import console, entry, prose

PLACES = {
    "datasets": ("DATASETS", "datasets"),
    "simulators": ("SIMULATORS", "datasets/simulate"),
    "converters": ("CONVERTERS", "datasets/convert"),
    "fields": ("FIELDS", "app/physics/fields"),
    "extrapolations": ("EXTRAPOLATIONS", "app/physics/extrapolation"),
    "models": ("MODELS", "app/models"),
    "heads": ("HEADS", "app/models/heads.py"),
    "losses": ("LOSSES", "losses"),
    "constraints": ("CONSTRAINTS", "losses/constraints"),
    "weightings": ("WEIGHTINGS", "losses/weighting"),
    "balancings": ("BALANCINGS", "losses/balancing"),
    "transforms": ("TRANSFORMS", "datasets/transforms"),
    "metrics": ("METRICS", "app/metrics"),
    "baselines": ("BASELINES", "app/metrics/baselines"),
    "plots": ("PLOTS", "app/plots"),
    "optimizers": ("OPTIMIZERS", "app/optimizers.py"),
    "schedules": ("SCHEDULES", "app/schedules.py"),
}
"""The catalog of each kind and the package, or module, whose public modules register its components."""
LINK = re.compile(r"\[(\w+)\]\(#\w+\)")
"""A link inside docs/job_files.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("kind", nargs="?", help="e.g. losses; all kinds without it")
    parser.add_argument("name", nargs="?", help="explain one component with its parameters")
    add_formats(parser)
    parser.add_argument("--markdown", action="store_true", help="print docs/job_files.md")


def execute(options: argparse.Namespace) -> int:
    """List all kinds, one kind, or explain one component."""
    if options.markdown:
        console.print(importlib.import_module("app.config.reference").markdown(), end="")
        return 0
    if options.kind is not None and options.kind not in PLACES:
        raise UserError(unknown("kind of component", options.kind, list(PLACES)))
    if options.name is not None:
        _explain(importlib.import_module("app.config.reference").CATALOGS[options.kind][options.name], options)
        return 0
    kinds = {kind: sorted(read_summaries(kind)) for kind in ([options.kind] if options.kind else PLACES)}
    if wants_data(options):
        rows = [{"kind": kind, "name": n, "summary": text} for kind, found in kinds.items() for n, text in found]
        print_data(options, rows)
        return 0
    for kind, found in kinds.items():
        console.print(kind, style="bold")
        for name, summary in found:
            entry(name, summary, 27)
    return 0


def read_summaries(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the first line of the docstring of each component of a kind, without importing it."""
    catalog, place = PLACES[kind]
    path = REPOSITORY / place
    folders = [path, *own_folders(place.strip("/").replace("/", "."))]
    for file in [path] if path.is_file() else [f for folder in folders for f in sorted(folder.glob("[!_]*.py"))]:
        text = file.read_text(encoding="utf-8")
        if f"@{catalog}(" not in text:
            continue
        for node in ast.parse(text, str(file)).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                for decorator in node.decorator_list:
                    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == catalog:
                        yield ast.literal_eval(decorator.args[0]), (ast.get_docstring(node) or "").partition("\n")[0]


def _explain(component: Any, options: argparse.Namespace) -> None:
    from app.config.reference import arguments_of, default_of, describe_type, parts_of

    fields = {name: field for name, field in component.model.model_fields.items() if name != "name"}
    explained = arguments_of(component)
    keys, parts = [], dict[str, str]()
    for name, field in fields.items():
        text = field.description or (explained.get(name) if name not in component.types else None) or ""
        kind = LINK.sub(r"\1", describe_type(field))
        keys.append({"key": name, "type": kind, "default": default_of(field), "description": text})
        parts |= {part.__name__: ", ".join(part.model_fields) for part in parts_of(field)}
    explanation = inspect.getdoc(component.call) or ""
    if wants_data(options):
        print_data(options, keys, {"name": component.name, "description": explanation, "keys": keys})
        return
    console.print(component.name, style="bold")
    prose(explanation)
    console.print("\nKeys in a job file:" if keys else "\nIt has no keys in a job file.", style="bold")
    for key in keys:
        entry(key["key"], f"{key['type']}; {key['default']}" + f". {key['description']}" * bool(key["description"]), 23)
    for name, inner in parts.items():
        entry(f"Keys of {name}:", f"{inner}; docs/job_files.md explains them.", 23, indent=0)
