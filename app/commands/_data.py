"""`--json` and `--csv`: what a command knows, for a script, with whole values and nothing else on standard output."""

import argparse
import contextlib
import csv
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def wants_data(options: argparse.Namespace) -> bool:
    """Whether the command is asked for data in place of a text; `--json FILE` is a file beside the text."""
    return getattr(options, "json", None) is True or getattr(options, "csv", False)


@contextlib.contextmanager
def data_alone(options: argparse.Namespace) -> Iterator[None]:
    """Send what the command tells people, such as warnings, to standard error, where it is asked for data."""
    options.output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr) if wants_data(options) else contextlib.nullcontext():
        yield


def print_data(options: argparse.Namespace, rows: Rows, content: Any = None) -> None:
    """Print rows as CSV, or them, or what stands for them, as JSON.

    Args:
        options: of the command.
        rows: facts by name, a line of CSV each; those inside of a fact get a column of their own, `results.energy`.
        content: printed as JSON in their place.
    """
    if options.json:
        options.output.write(json.dumps(_finite(rows if content is None else content), indent=2) + "\n")
        return
    flat = [dict(_flat(row)) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    writer = csv.DictWriter(options.output, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)


def _finite(value: Any) -> Any:
    """Return a value without NaN and infinity, for which JSON has no name."""
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, json.dumps(_finite(inner)) if isinstance(inner, list | tuple) else inner
