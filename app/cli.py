"""The command line: each command is a module of app/commands/ and is imported when it is called."""

import argparse
import faulthandler
import importlib
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from app.commands._data import data_alone
from app.commands._parser import Parser, read_path
from app.commands._table import COMMANDS, GROUPS, OPEN_COMMANDS
from app.core import interruption
from app.core.errors import Interrupted, UserError, WirechamberError
from app.core.packages import describe_mixture


def command() -> NoReturn:
    """Run the command of the command line and end the process, at once where TensorFlow was loaded.

    A thread of tf.data that asks a Python generator for its next block while the interpreter shuts down waits for ever,
    and so would the finished run. Everything that a command writes is closed when `main` returns.
    """
    interruption.listen()
    faulthandler.enable(all_threads=False)  # a crash in C, e.g. of TensorFlow, says where it happened
    if any("error" in option for option in sys.warnoptions):  # a warning of Keras would end a run when it is saved
        sys.warnoptions.clear()
        os.environ.pop("PYTHONWARNINGS", None)  # for processes that this one starts
        warnings.simplefilter("default")
    try:
        code = main()
    except ImportError as error:
        line = describe_mixture(error)
        if line is None:
            raise
        sys.stderr.write(f"{line}\n")
        code = UserError.exit_code
    if "tensorflow.python" not in sys.modules:
        sys.exit(code)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    It is 0 when done, 1 when failed, 2 for the user's mistake, 85 when a run stopped that can be resumed, and 128 plus
    the number of the signal when another command was stopped.
    """
    # A shell that a notebook started names a backend that loads IPython; nothing is shown here, figures are files.
    os.environ["MPLBACKEND"] = "Agg"
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    for variable, value in (("WIRECHAMBER_RUNS", options.runs), ("WIRECHAMBER_REGISTRY", options.registry_root)):
        if value is not None:
            os.environ[variable] = str(value.resolve())
    from app.runtime.console import configure

    configure(options.verbose, options.quiet)
    try:
        with interruption.as_interruption(), data_alone(options):
            return int(_module_of(options.command).execute(options) or 0)
    except WirechamberError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except Interrupted as error:
        resumable = options.command == "run"
        sys.stderr.write(f"{interruption.describe(error, resumable)}\n")
        return interruption.exit_code(str(error), resumable)
    except BrokenPipeError:  # the reader of our output, e.g. head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line; only the module of its command is imported.

    Raises:
        SystemExit: with code 0 after --version and the help, for which an empty command line asks too; with code 2 and
            one line where the command line is wrong.
    """
    if "help" in arguments[:1]:  # `help run` is `run --help`
        arguments = [*arguments[1:2], "--help"]
    name = next(iter(arguments), "")
    summaries = [] if name in COMMANDS else describe_commands()
    parser = called = Parser(
        prog="wirechamber",
        usage="%(prog)s COMMAND [arguments]",
        description="Train, compare and deploy Keras models from JSON files.",
        epilog="\n".join([*summaries, "`wirechamber COMMAND --help` explains a command."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    group = parser.add_subparsers(
        dest="command", metavar="COMMAND", prog=parser.prog, parser_class=Parser, help=argparse.SUPPRESS
    )
    if name in COMMANDS:
        has_help = name not in OPEN_COMMANDS
        called = group.add_parser(name, description=COMMANDS[name], parents=[common_options()], add_help=has_help)
        _module_of(name).add_arguments(called)
    else:
        for known in COMMANDS:  # so that the nearest one can be named
            group.add_parser(known)
    options: argparse.Namespace
    options, rest = parser.parse_known_args(arguments)
    if options.version:
        sys.stdout.write(f"{describe_version()}\n")
        parser.exit(0)
    if options.command is None and not rest:
        sys.stdout.write(parser.format_help())
        parser.exit(0)
    if rest and options.command not in OPEN_COMMANDS:
        called.error(f"unknown argument {rest[0]}")
    options.rest, options.parse = rest, parse_arguments
    return options


def describe_commands() -> list[str]:
    """Return the lines of the help about all commands, as wide as the terminal."""
    from app.runtime.table_layout import fill

    width, column = max(60, shutil.get_terminal_size((sys.maxsize, 0)).columns), 14
    lines = []
    for title, group in GROUPS.items():
        lines.append(f"{title}:")
        for name, summary in group.items():
            first, *rest = fill(summary.split(" "), width - column)
            lines += [f"  {name:<{column - 3}} {first}", *(" " * column + line for line in rest)]
        lines.append("")
    return lines


def _module_of(command: str) -> Any:
    return importlib.import_module(f"app.commands.{command.replace('-', '_')}")


def common_options() -> Parser:
    """Return the options that every command has."""
    common = Parser(add_help=False)
    common.add_argument("--runs", type=read_path, metavar="DIR", help="folder of the runs (else $WIRECHAMBER_RUNS)")
    common.add_argument("--registry", dest="registry_root", type=read_path, metavar="DIR", help="the registry's folder")
    quiet = common.add_mutually_exclusive_group()
    quiet.add_argument("--verbose", action="store_true", help="log details")
    quiet.add_argument("-q", "--quiet", action="store_true", help="print results, warnings and errors alone")
    return common


def describe_version() -> str:
    """Return 'wirechamber 0.2.0'."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"wirechamber {version('wirechamber')}"
    except PackageNotFoundError:
        return "wirechamber, a checkout that is not installed"
