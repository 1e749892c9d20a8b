"""What users give as paths: checked here, once, before anything asks the operating system for them."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from app.core.errors import Place, Problem, UserError

LONGEST = 255
"""Bytes of a name in the file systems of Linux and macOS."""


def check_path(path: Path | str, place: Place = ()) -> Path:
    """Return a path that the system can look up, whether or not something is there.

    Raises:
        UserError: a name is too long, a character is not allowed, links go in a circle, or a folder is closed.
    """
    try:
        longest = max((len(os.fsencode(part)) for part in Path(path).parts), default=0)
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        reason = f"a name of {longest} bytes" if longest > LONGEST else ""
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:  # NUL, or half a character
        reason = "a character that no name can have"
        if isinstance(error, UnicodeEncodeError) and error.encoding != "utf-8":
            reason = f"names are in {error.encoding} here, in UTF-8 with PYTHONUTF8=1 in the environment"
    else:
        return Path(path)
    if reason:
        expected = f"names of at most {LONGEST} bytes that this user can reach"
        raise UserError(Problem(f"no usable path ({reason})", place, expected=expected, received=str(path)))
    return Path(path)


def with_variables(text: str, place: Place) -> str:
    """Return a path with the values of its `${VARIABLE}`s; raises UserError where one is not set."""
    for variable in re.findall(r"\$\{(\w+)\}", text):
        if variable not in os.environ:
            expected = f"the environment variable {variable} to be set"
            raise UserError(Problem("a variable in the path is not set", place, expected=expected, received=text))
    return os.path.expandvars(text)


def check_not_read(written: Iterable[Path], read: Iterable[Path], option: str) -> None:
    """Raise UserError where a file that will be written is one of those that are read, by whatever name or link."""
    files = [Path(name) for path in read for name in (str(path), str(path).rpartition(":")[0]) if name]
    for path in written:
        if path.exists() and any(file.exists() and path.samefile(file) for file in files):
            what, expected = "is one of the files that are read", "another name, so that this file is kept"
            raise UserError(Problem(what, (f"{option} {path}",), expected=expected))
