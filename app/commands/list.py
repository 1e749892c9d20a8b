"""`wirechamber list`: the components, and what each takes."""

from __future__ import annotations

import argparse
import inspect
from typing import Any

from app.config.reference import CATALOGS, arguments_of, default_of, describe_type, markdown
from app.core.catalog import Component
from app.core.errors import UserError, unknown
from app.runtime.console import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("kind", nargs="?", help="e.g. losses; all kinds without it")
    parser.add_argument("name", nargs="?", help="explain one component with its parameters")
    parser.add_argument("--markdown", action="store_true", help="print docs/job_files.md")


def execute(options: argparse.Namespace) -> int:
    """List all kinds, one kind, or explain one component."""
    if options.markdown:
        console.print(markdown(), end="")
        return 0
    if options.kind is not None and options.kind not in CATALOGS:
        raise UserError(unknown("kind of component", options.kind, list(CATALOGS)))
    if options.name is not None:
        _explain(CATALOGS[options.kind][options.name])
        return 0
    for kind in [options.kind] if options.kind else CATALOGS:
        console.print(kind, style="bold")
        for component in CATALOGS[kind]:
            console.print(f"  {component.name:<24} {component.summary}")
    return 0


def _explain(component: Component[Any]) -> None:
    console.print(component.name, style="bold")
    console.print(inspect.getdoc(component.call) or "")
    fields = {name: field for name, field in component.model.model_fields.items() if name != "name"}
    console.print("\nKeys in a job file:" if fields else "\nIt has no keys in a job file.", style="bold")
    explained = arguments_of(component)
    for name, field in fields.items():
        elsewhere = field.description or (explained.get(name) if name not in component.types else None)
        text = f". {elsewhere}" if elsewhere else ""
        console.print(f"  {name:<20} {describe_type(field)}; {default_of(field)}{text}")
