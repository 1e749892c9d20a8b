"""`wirechamber convert`: files of another kind into those that a loader reads, with every parameter as an option."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.commands._component_options import parsed
from app.core.errors import Problem, UserError
from app.core.files import matching
from app.runtime.console import console
from datasets.convert import CONVERTERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("kind", nargs="?", help="e.g. trigger_primitives; followed by -h it explains its options")
    parser.add_argument("--out", type=Path, help="folder of what is written")
    parser.epilog = "wirechamber convert trigger_primitives FILE.root --out images/ --width 32"
    parser.set_defaults(usage=parser.format_help)


def execute(options: argparse.Namespace) -> int:
    """Convert the files; mistakes are reported before anything is written."""
    if options.kind is None:
        return _explain(options)
    component = CONVERTERS[options.kind]
    prog = f"wirechamber convert {component.name}"
    given = parsed(component, options.rest, prog, "%(prog)s FILE [FILE ...] --out DIR [options]", files=True)
    files = given.pop("files")
    if not files:
        raise UserError(Problem("missing argument", ("convert",), expected="the files to convert"))
    if options.out is None:
        raise UserError(Problem("missing argument", ("--out",), expected="a folder for what is written"))
    spec = CONVERTERS.parse({"name": component.name, **given})
    spec.build(matching(files, ("convert",)), options.out)
    console.print(f"written: {options.out}")
    return 0


def _explain(options: Any) -> int:
    console.print(options.usage(), end="")
    if not {"-h", "--help"} & set(options.rest):
        known = ", ".join(CONVERTERS.names())
        raise UserError(Problem("missing argument", ("convert",), expected=f"one of [{known}]"))
    return 0
