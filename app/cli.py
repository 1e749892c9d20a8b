"""The command line: each command lies in app/commands/ and is imported when it is called."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from app.commands._parser import Parser
from app.commands._table import COMMANDS, OPEN_COMMANDS
from app.core.errors import Interrupted, WirechamberError


def command() -> NoReturn:
    """Run the command line's command and end the process, at once where TensorFlow was loaded.

    A thread of tf.data that asks a Python generator for its next block while the interpreter shuts down waits for ever,
    and so would the finished run. Everything that a command writes is closed when `main` returns.
    """
    code = main()
    if "tensorflow.python" not in sys.modules:
        sys.exit(code)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 the user's mistake, 85 stopped, to be resumed."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    for variable, value in (("WIRECHAMBER_RUNS", options.runs), ("WIRECHAMBER_REGISTRY", options.registry_root)):
        if value is not None:
            os.environ[variable] = str(value.resolve())
    from app.runtime.console import configure

    configure(options.verbose)
    try:
        return int(importlib.import_module(f"app.commands.{options.command}").execute(options) or 0)
    except WirechamberError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except Interrupted as error:
        return error.exit_code
    except BrokenPipeError:  # the reader of our output, e.g. head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line; ends with SystemExit, one line and exit code 2 where it is wrong."""
    parser, called = _make_parser(next(iter(arguments), ""))
    options: argparse.Namespace
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in OPEN_COMMANDS:
        called.error(f"unknown argument {rest[0]}")
    options.rest, options.parse = rest, parse_arguments
    return options


def _make_parser(name: str) -> tuple[Parser, Parser]:
    """Return the parser of all commands and that of the command `name`, the only one that is imported."""
    common = Parser(add_help=False)
    common.add_argument("--runs", type=Path, help="folder of the runs (else $WIRECHAMBER_RUNS, else runs/)")
    common.add_argument("--registry", dest="registry_root", type=Path, metavar="DIR", help="folder of the registry")
    common.add_argument("--verbose", action="store_true", help="log details")
    parser = called = Parser(prog="wirechamber", description="Train, compare and deploy Keras models from JSON files.")
    group = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for known, summary in COMMANDS.items():
        if known != name:
            group.add_parser(known, help=summary)
            continue
        called = group.add_parser(
            name, help=summary, description=summary, parents=[common], add_help=name not in OPEN_COMMANDS
        )
        importlib.import_module(f"app.commands.{name}").add_arguments(called)
    return parser, called
