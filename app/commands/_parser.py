"""The command line's parser, whose mistakes read like those of job files."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.core.errors import nearest


class Parser(argparse.ArgumentParser):
    """Names the nearest command or option; no abbreviations, which break when a new option comes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})
        self._words: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and remember the words for `error`."""
        self._words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(self._words, namespace)

    def error(self, message: str) -> Any:
        """End with exit code 2 and one line that names the nearest word."""
        known = [word for action in self._actions for word in (*action.option_strings, *(action.choices or ()))]
        words = [word.partition("=")[0] for word in self._words]
        unknown = (word for word in words if word not in known and (word.startswith("--") or repr(word) in message))
        near = nearest(next(unknown, ""), known)
        hint = f" Did you mean {near!r}?" if near else ""
        chosen = re.match(r"argument COMMAND: invalid choice: (.*?) \(", message)
        message = f"unknown command {chosen[1]}" if chosen else message
        self.exit(2, f"{self.prog}: {message}.{hint}\n")


def positive(text: str) -> int:
    """Return a count of at least 1 from the command line."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, received {text!r}")
    return int(text)


def at_most(most: int) -> Callable[[str], int]:
    """Return what takes a count from 1 to `most` from the command line: more would not fit into memory."""

    def count(text: str) -> int:
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {most}, received {text!r}")
        return int(text)

    return count


def natural(text: str) -> int:
    """Return a number of at least 0 from the command line."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, received {text!r}")
    return int(text)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add `--set PATH=VALUE`."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help="change a value of the job"
    )


def add_logs(parser: argparse.ArgumentParser) -> None:
    """Add `--logs DIR`."""
    parser.add_argument("--logs", type=Path, metavar="DIR", help="folder of the submissions (else $WIRECHAMBER_LOGS)")
