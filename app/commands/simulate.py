"""`wirechamber simulate`: the simulators, with every parameter as an option."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.commands._component_options import parsed
from app.commands._parser import natural
from app.core.errors import Problem, UserError
from app.runtime import device
from app.runtime.console import console
from datasets import SIMULATORS
from datasets.files.shards import only_shard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("dataset", nargs="?", help="e.g. track_states; followed by -h it explains its options")
    parser.add_argument("--out", type=Path, help="folder of the shards; an interrupted one is continued")
    parser.add_argument("--shard", type=natural, metavar="N", help="only the shard of this number, the first is 0")
    parser.epilog = "Every parameter of the simulator is an option: --tracks 100000 --momentum 2 100."
    parser.set_defaults(usage=parser.format_help)


def execute(options: argparse.Namespace) -> int:
    """Write the shards; what an interrupted call wrote is kept."""
    if options.dataset is None:
        return _explain(options)
    component = SIMULATORS[options.dataset]
    prog = f"wirechamber simulate {component.name}"
    given = parsed(component, options.rest, prog, "%(prog)s --out DIR [options]")
    if options.out is None:
        raise UserError(Problem("missing argument", ("--out",), expected="a folder for the shards"))
    spec = SIMULATORS.parse({"name": component.name, **given})
    device.prepare(0)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(Problem(f"cannot be made ({error.strerror})", (str(options.out),))) from None
    with only_shard(options.shard):
        spec.build(options.out)
    console.print(f"written: {options.out}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    console.print(options.usage(), end="")
    if not {"-h", "--help"} & set(options.rest):
        known = ", ".join(SIMULATORS.names())
        raise UserError(Problem("missing argument", ("simulate",), expected=f"one of [{known}]"))
    return 0
