"""The command line: what a verb does lies in app/verbs/ and is imported when the verb is called."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from app.arguments import Parser
from app.core.errors import Interrupted, WirechamberError
from app.verb_arguments import OPEN_VERBS, VERBS


def command() -> NoReturn:
    """Run the verb of the command line and end the process, at once where TensorFlow was loaded.

    A thread of tf.data that asks a Python generator for its next block while the interpreter shuts down waits for ever,
    and so would the finished run. Everything that a verb writes is closed when `main` returns.
    """
    code = main()
    if "tensorflow.python" not in sys.modules:
        sys.exit(code)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code: 0 done, 1 failed, 2 the user's mistake, 85 stopped, to be resumed."""
    options = _parsed(arguments)
    for variable, value in (("WIRECHAMBER_RUNS", options.runs), ("WIRECHAMBER_REGISTRY", options.registry_root)):
        if value is not None:
            os.environ[variable] = str(value.resolve())
    from app.runtime.console import configure

    configure(options.verbose)
    try:
        return int(importlib.import_module(f"app.verbs.{options.verb}").execute(options) or 0)
    except WirechamberError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except Interrupted as error:
        return error.exit_code
    except BrokenPipeError:  # the reader of our output, e.g. head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser, verbs = _parser()
    options: argparse.Namespace
    options, rest = parser.parse_known_args(arguments)
    if rest and options.verb not in OPEN_VERBS:
        verbs[options.verb].error(f"unknown argument {rest[0]}")
    options.rest, options.parse = rest, _parsed
    return options


def _parser() -> tuple[Parser, dict[str, Parser]]:
    common = Parser(add_help=False)
    common.add_argument("--runs", type=Path, help="folder of the runs (else $WIRECHAMBER_RUNS, else runs/)")
    common.add_argument("--registry", dest="registry_root", type=Path, metavar="DIR", help="folder of the registry")
    common.add_argument("--verbose", action="store_true", help="log details")
    parser = Parser(prog="wirechamber", description="Train, compare, register and deploy Keras models from JSON files.")
    group = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)
    made = {}
    for name, (summary, add) in VERBS.items():
        made[name] = group.add_parser(
            name, help=summary, description=summary, parents=[common], add_help=name not in OPEN_VERBS
        )
        add(made[name])
    return parser, made
