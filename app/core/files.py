"""The files that a job names, folders that can be written to, and atomic writes: a reader never sees half a file."""

import contextlib
import glob
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from app.core.errors import Place, Problem, UserError, WirechamberError, nearest
from app.core.packages import base_folder
from app.core.parts import check_may_write, part_of, remove
from app.core.paths import check_path, with_variables
from app.core.remote import is_url, refuse_url, remote_file

REPOSITORY = Path(__file__).resolve().parents[2]
"""The folder of the program's packages: the repository, or site-packages after `pip install .`."""
DATA_SUFFIXES = (".npz", ".root")
"""Files with these suffixes, in any case, are the data in a folder."""
TABLE_SUFFIXES = (".h5", ".hdf5", ".parquet", ".csv")
"""Files of these kinds are the data in a folder that has no other."""
TREE = re.compile(r"(.*\.root):(.+)", re.DOTALL | re.IGNORECASE)


class NotWritten(WirechamberError, OSError):  # noqa: N818 - what happened to the file
    """A file could not be written: no space left, no permission, no such folder."""


def write_error(path: Path, error: OSError) -> NotWritten:
    """Say which file could not be written and why."""
    return NotWritten(f"{path}: cannot be written ({error.strerror or error}).")


def write_bytes(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Let `write` fill a temporary file next to `path`, flush it to disk and rename it into place.

    Raises:
        NotWritten: the system refused; what lay at `path` still lies there.
    """

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            write(file)

    write_file(path, fill)


def write_file(path: Path, write: Callable[[Path], Any], ending: str = "") -> None:
    """As `write_bytes`, for a `write` that makes the temporary file itself, by its path, or a folder in its place.

    Args:
        path: the file or folder; a folder that is there already is replaced.
        write: makes the temporary file.
        ending: what the name of the temporary file must end in.

    Raises:
        NotWritten: the system refused; what lay at `path` still lies there.
        LeaseLost: another process has taken over what this one worked on; nothing was changed.
    """
    part = part_of(path, ending)
    try:
        write(part)
        for each in [p for p in part.rglob("*") if p.is_file()] if part.is_dir() else [part]:
            with each.open("rb+") as file:
                os.fsync(file.fileno())
        check_may_write()
        if part.is_dir():
            remove(path)
        part.replace(path)
    except OSError as error:
        check_may_write()  # who took over may have removed the temporary file
        raise write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError, WirechamberError):
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


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


def base() -> Path:
    """Return where relative paths of job files begin and runs, registry and data lie by default: `base_folder()`."""
    return Path(base_folder())


def expand(text: str, place: Place = (), start: Path | None = None) -> Path:
    """Return the path that a text means: `${VARIABLE}` and `~` expanded, relative ones from `start`.

    Those of a job file start at `base()`, the default, those of a command line at the working directory.
    """
    text = with_variables(text, place)
    refuse_url(text, place)
    path = (start or base()) / os.path.expanduser(text)  # noqa: PTH111 - `~nobody` stays
    return check_path(path, place)


def find_files(patterns: Sequence[str], place: Place = (), start: Path | None = None) -> list[Path]:
    """Return the files that patterns mean, in order; raises UserError with all that mean none.

    Args:
        patterns: a file, a folder or a pattern each, as `expand` reads it.
        place: of the patterns, for messages.
        start: where relative ones begin; `base()` without it.
    """
    files, mistakes = list[Path](), list[Problem]()
    for number, pattern in enumerate(patterns):
        try:
            files += _matching(pattern, place if start else (*place, number), start)
        except UserError as error:
            mistakes += error.problems
    if mistakes:
        raise UserError(*mistakes)
    return files


def _matching(pattern: str, place: Place, start: Path | None) -> list[Path]:
    if is_url(url := with_variables(pattern, place)):
        return [remote_file(url, place)]
    path, folder = expand(pattern, place, start), start or base()
    below = path.relative_to(folder) if path.is_relative_to(folder) else None
    tree = TREE.fullmatch(str(path))
    if path.is_file():  # even when its name looks like a pattern
        return [path]
    if path.is_dir():
        inside = sorted(matches(f"{glob.escape(str(path))}/**/*"))
        of_kind = ([p for p in inside if p.suffix.lower() in kind] for kind in (DATA_SUFFIXES, TABLE_SUFFIXES))
        files = next(filter(None, of_kind), [])
        what = "no data file in this folder"
        expected = f"files whose names end in one of {', '.join((*DATA_SUFFIXES, *TABLE_SUFFIXES))}"
    elif glob.has_magic(str(below or path)):  # the folder where relative ones begin is no pattern
        wanted = str(path if below is None else Path(glob.escape(str(folder)), below))
        files = sorted(matches(wanted))
        if tree and not files:
            file = wanted.removesuffix(f":{tree[2]}")
            files = [Path(f"{each}:{tree[2]}") for each in sorted(matches(file))]
        what, expected = "the pattern matches no file", "at least one file"
    else:
        files = [path] if tree and Path(tree[1]).is_file() else []
        what, expected = "no such file", "an existing file"
    if not files:
        names = [p.name for p in path.parent.iterdir()] if what == "no such file" and path.parent.is_dir() else []
        near = nearest(path.name, names)
        if start is None and not os.path.isabs(os.path.expanduser(url)):  # noqa: PTH111, PTH117 - `~nobody` stays
            here, expected = Path.cwd() / url, f"{expected}; relative paths in a job begin at {folder}"
            near = str(here) if here.exists() else near
        raise UserError(Problem(what, place, nearest=near, expected=expected, received=str(path)))
    return files


def matches(pattern: str) -> set[Path]:
    """Return the files that an absolute pattern means; `**` is any folder below, hidden ones left out, links followed.

    A pattern that ends in `**` means every file below.

    >>> sorted(p.name for p in matches(f"{REPOSITORY}/json/**/mlp_tiny.json"))
    ['mlp_tiny.json']
    """
    head, deep, tail = (f"{pattern}/*" if pattern.endswith("/**") else pattern).partition("/**/")
    if not deep:
        return {path for path in map(Path, glob.glob(pattern)) if path.is_file()}  # noqa: PTH207 - an absolute one
    folders = [folder for start in glob.glob(head or "/") for folder in _folders_below(start)]  # noqa: PTH207
    return {path for folder in folders for path in matches(f"{glob.escape(folder)}/{tail}")}


def _folders_below(start: str) -> list[str]:
    """Return a folder and those below it, each once: first those that lie there, then those that links lead to."""
    seen, found, waiting = {str(parent) for parent in Path(start).resolve().parents}, list[str](), [start]

    def refuse(error: OSError) -> None:
        raise UserError(Problem(f"cannot be read ({error.strerror})", (str(error.filename),), expected="a folder"))

    for place in waiting:
        for folder, names, _ in os.walk(place, onerror=refuse):
            names[:] = sorted(name for name in names if not name.startswith("."))
            real = str(Path(folder).resolve())
            if real in seen:
                names.clear()
                continue
            seen.add(real)
            found.append(folder)
            waiting += [str(link) for link in (Path(folder, name) for name in names) if link.is_symlink()]
    return found


def check_folder(path: Path, option: str = "") -> None:
    """Raise UserError unless `path` is a folder that can be written to, or one can be made there.

    Args:
        path: the folder.
        option: the one that names it, e.g. "--out"; empty for a run's own folder.
    """
    place = next(p for p in (path.absolute(), *path.absolute().parents) if _exists(p, option))
    where = (f"{option} {place}".strip(),)
    if not place.is_dir():
        raise UserError(Problem("cannot be made (a file is in its place)", where, expected="a folder"))
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(Problem("cannot be written to", where, expected="a writable folder"))


def check_file(path: Path, option: str) -> None:
    """Raise UserError unless a file can be written at `path`, where one may be already."""
    if _exists(path, option) and path.is_dir():
        raise UserError(Problem("is a folder", (f"{option} {path}",), expected="a file, or a name for one"))
    check_folder(path.parent, option)


def make_folder(path: Path, option: str = "") -> None:
    """Make the folder, after `check_folder` found it possible; raises UserError where the system refuses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"cannot be made ({error.strerror})"
        raise UserError(Problem(what, (f"{option} {path}".strip(),), expected="a writable folder")) from None


def _exists(path: Path, option: str) -> bool:
    """Whether something is there; nothing can be seen in a folder that is closed to this user."""
    try:
        return path.exists()
    except PermissionError:
        return False
    except OSError as error:
        what = f"no path ({error.strerror})"
        raise UserError(Problem(what, (option,), expected="a path", received=str(path))) from None
