"""The paths that a job means, and atomic writes: a reader sees the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from app.core.errors import Place, Problem, UserError, WirechamberError, nearest

REPOSITORY = Path(__file__).resolve().parents[2]
DATA_SUFFIXES = (".npz", ".root")
"""Files with these suffixes are the data in a folder."""


class NotWritten(WirechamberError, OSError):  # noqa: N818 - what happened to the file
    """A file could not be written: no space left, no permission, no such folder."""


def not_written(path: Path, error: OSError) -> NotWritten:
    """Say which file could not be written and why."""
    return NotWritten(f"{path}: cannot be written ({error.strerror or error}).")


def write_bytes(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to disk and rename it into place.

    Raises:
        NotWritten: the system refused; what lay at `path` still lies there.
    """

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            write(file)

    write_file(path, fill)


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """As `write_bytes`, for a `write` that opens the temporary file itself, by its path.

    Raises:
        NotWritten: the system refused; what lay at `path` still lies there.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        write(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` atomically as UTF-8."""
    write_bytes(path, lambda file: file.write(text.encode()))


def write_json(path: Path, content: Any) -> None:
    """Write `content` atomically as indented JSON; NaN and infinity are refused, they are not JSON."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path, expected: str = "a file of a run that is done") -> dict[str, Any]:
    """Return the object in a JSON file; raises UserError when the file is missing, damaged or holds another thing."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(Problem("is missing", (str(path),), expected=expected)) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(Problem(f"cannot be read ({reason})", (str(path),), expected=expected)) from None
    if not isinstance(content, dict):
        raise UserError(Problem("holds no JSON object", (str(path),), expected=expected))
    return content


def expand(text: str, place: Place = ()) -> Path:
    """Return the path that a job file means: `${VARIABLE}` and `~` expanded, relative ones from the repository root."""
    for variable in re.findall(r"\$\{(\w+)\}", text):
        if variable not in os.environ:
            expected = f"the environment variable {variable} to be set"
            raise UserError(Problem("a variable in the path is not set", place, expected=expected, received=text))
    return REPOSITORY / Path(os.path.expandvars(text)).expanduser()


def matching(patterns: Sequence[str], place: Place = ()) -> list[Path]:
    """Return the files that the patterns of a job file mean, in order; raises UserError with all that mean none."""
    found, mistakes = list[Path](), list[Problem]()
    for number, pattern in enumerate(patterns):
        try:
            found += _matching(pattern, (*place, number))
        except UserError as error:
            mistakes += error.problems
    if mistakes:
        raise UserError(*mistakes)
    return found


def _matching(pattern: str, place: Place) -> list[Path]:
    path = expand(pattern, place)
    if path.is_file():  # even when its name looks like a pattern
        return [path]
    if path.is_dir():
        return _data_files(path, place)
    if not glob.has_magic(str(path)):
        if not Path(str(path).partition(".root:")[0] + ".root" if ".root:" in str(path) else path).is_file():
            near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise UserError(
                Problem(
                    "no such file",
                    place,
                    nearest=nearest(path.name, near),
                    expected="an existing file",
                    received=str(path),
                )
            )
        return [path]
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - an absolute one
    if not found:
        raise UserError(Problem("the pattern matches no file", place, expected="at least one file", received=str(path)))
    return found


def _data_files(folder: Path, place: Place) -> list[Path]:
    """Return the data files in and below a folder."""
    found = sorted(p for p in folder.rglob("*") if p.suffix in DATA_SUFFIXES and not p.name.startswith("."))
    if not found:
        expected = f"files whose names end in {' or '.join(DATA_SUFFIXES)}"
        raise UserError(Problem("no data file in this folder", place, expected=expected, received=str(folder)))
    return found
