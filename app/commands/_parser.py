"""The command line's parser, whose mistakes read like those of job files."""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.core.errors import UserError, nearest
from app.core.paths import check_path
from app.core.remote import refuse_url

ONE_FILE = "one file at a time"


class _Help(argparse.HelpFormatter):
    """Names the default of an option where its text does not."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        said = action.default in (None, False, [], argparse.SUPPRESS) or re.search(r"\(|\belse\b", text)
        return text if said else f"{text} (default: %(default)s)"


class Parser(argparse.ArgumentParser):
    """Names the nearest command or option; no abbreviations, which break when a new option comes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": _Help, **options})
        self.arguments: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the arguments, and keep them for `error`."""
        self.arguments = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(self.arguments, namespace)

    def error(self, message: str) -> Any:
        """End with exit code 2 and one line that names the nearest command or option."""
        known = [name for action in self._actions for name in (*action.option_strings, *(action.choices or ()))]
        names = [argument.partition("=")[0] for argument in self.arguments]
        unknown = (name for name in names if name not in known and (name.startswith("--") or repr(name) in message))
        wrong = next(unknown, "")
        near = nearest(wrong, known)
        if wrong.startswith("--") and ((near and "required" in message) or message == ONE_FILE):
            message = f"unknown argument {wrong}"
        hint = f" Did you mean {near!r}?" if near else ""
        chosen = re.match(r"argument COMMAND: invalid choice: (.*?) \(", message)
        message = f"unknown command {chosen[1]}" if chosen else message
        self.exit(2, f"{self.prog}: {message}.{hint}\n")


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a function that reads a whole number from `least` to `most` from the command line.

    Args:
        least: 0 or more.
        most: where more would not fit into memory; else there is no limit.
    """

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or int(text) < least or (most is not None and int(text) > most):
            limits = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"expected a whole number {limits}, received {text!r}")
        return int(text)

    return read


def read_path(text: str) -> Path:
    """Read a path from the command line."""
    try:
        refuse_url(text, ())
        return check_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add `--set PATH=VALUE`."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help="change a value of the job"
    )


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Add `--json` and `--csv`."""
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print JSON for a script, with whole values")
    formats.add_argument("--csv", action="store_true", help="print CSV for a script, with whole values")


def add_logs(parser: argparse.ArgumentParser) -> None:
    """Add `--logs DIR`."""
    parser.add_argument(
        "--logs", type=read_path, metavar="DIR", help="folder of the submissions (else $WIRECHAMBER_LOGS)"
    )
