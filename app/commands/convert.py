"""`wirechamber convert`: files of another kind into those that a loader reads, with every parameter as an option."""

import argparse
from pathlib import Path

from app.commands._component_options import parse_component_options, print_help
from app.commands._parser import read_path
from app.core.errors import Problem, UserError
from app.core.files import find_files
from app.runtime.console import console
from datasets.convert import CONVERTERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("kind", nargs="?", help="e.g. trigger_primitives; followed by -h it explains its options")
    parser.add_argument("--out", type=read_path, help="folder of the converted files")
    parser.epilog = "wirechamber convert trigger_primitives FILE.root --out images/ --width 32"
    parser.set_defaults(usage=parser.format_help)


def execute(options: argparse.Namespace) -> int:
    """Convert the files; mistakes are reported before anything is written."""
    if options.kind is None:
        return print_help(options, CONVERTERS)
    component = CONVERTERS[options.kind]
    prog, usage = f"wirechamber convert {component.name}", "%(prog)s FILE [FILE ...] --out DIR [options]"
    parameters = parse_component_options(component, options.rest, prog, usage, files=True)
    files = parameters.pop("files")
    if not files:
        raise UserError(Problem("missing argument", ("convert",), expected="the files to convert"))
    if options.out is None:
        raise UserError(Problem("missing argument", ("--out",), expected="a folder for the converted files"))
    spec = CONVERTERS.parse({"name": component.name, **parameters})
    spec.build(find_files(files, ("convert",), Path.cwd()), options.out)
    console.print(f"written: {options.out}")
    return 0
