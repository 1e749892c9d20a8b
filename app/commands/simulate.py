"""`wirechamber simulate`: the simulators, with every parameter as an option."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.commands._component_options import parse_component_options, print_help
from app.commands._parser import read_path, whole_number
from app.core.errors import Problem, UserError
from app.core.files import base, expand, make_folder
from app.runtime import device
from app.runtime.console import console
from datasets import SIMULATORS
from datasets.files.shards import only_shard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("dataset", nargs="?", help="e.g. track_states; followed by -h it explains its options")
    parser.add_argument("--out", type=read_path, help="folder of the shards; an interrupted one is continued")
    parser.add_argument("--shard", type=whole_number(0), metavar="N", help="only the shard of this number, from 0")
    parser.epilog = "Every parameter of the simulator is an option: --tracks 100000 --momentum 2 100."
    parser.set_defaults(usage=parser.format_help)


def execute(options: argparse.Namespace) -> int:
    """Write the shards; those that an interrupted call has written are kept."""
    if options.dataset is None:
        return print_help(options, SIMULATORS)
    component = SIMULATORS[options.dataset]
    prog = f"wirechamber simulate {component.name}"
    parameters = parse_component_options(component, options.rest, prog, "%(prog)s --out DIR [options]")
    if options.out is None:
        raise UserError(Problem("missing argument", ("--out",), expected="a folder for the shards"))
    spec = SIMULATORS.parse({"name": component.name, **parameters, **_paths_from_here(parameters)})
    device.prepare(0)
    make_folder(options.out)
    with only_shard(options.shard):
        spec.build(options.out)
    console.print(f"written: {options.out}")
    return 0


def _paths_from_here(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files that parameters name from the working directory, as shards and trainings will read them.

    Nothing changes where paths of job files begin: there the nodes of a workflow run.
    """
    field, changed = parameters.get("field"), dict[str, Any]()
    if Path.cwd() == base():
        return {}
    if isinstance(field, dict) and isinstance(field.get("file"), str):
        changed["field"] = {**field, "file": str(expand(field["file"], ("field", "file"), Path.cwd()))}
    if isinstance(parameters.get("like"), str):
        changed["like"] = str(expand(parameters["like"], ("like",), Path.cwd()))
    return changed
