"""What was read of the records before: a record whose file has not changed is not read again.

A process keeps it in memory, and leaves it in `.index.json` of the registry for the next one: the first look at
thousands of records reads one file. The index can be deleted at any time.
"""

import contextlib
import hashlib
import time
from pathlib import Path

from pydantic import ValidationError

from app.core.errors import WirechamberError
from app.core.files import write_text
from app.core.types import Strict
from registry import record as records
from registry.record import Record

Version = tuple[int, ...]
MOMENT = 2.0
"""Seconds after which a file that did not change can be known again by its times."""
NEW = 100
"""The index is written again when so many records are not in it: their files take a few hundredths of a second."""


class Known(Strict):
    """A record, and the version of the file that it was read from."""

    version: Version
    record: Record


class Index(Strict):
    """The known records of a registry by run, and the program that checked them."""

    program: str
    known: dict[str, Known]


_known: dict[Path, dict[str, Known]] = {}
_news: dict[Path, int] = {}
"""How many records were read that are not in the index."""


def recall(root: Path, run: str, version: Version) -> Record | None:
    """Return the record of a run as it was read before, where its file is still of this version."""
    known = _of(root).get(run)
    return known.record if known and version and known.version == version else None


def remember(root: Path, run: str, version: Version, record: Record) -> None:
    """Keep a record that was just read.

    A file that changed a moment ago may change once more without a sign: the clock of a file system ticks slowly. What
    is running is read each time, as its process may have died.
    """
    if version and abs(time.time() - version[1] / 1e9) > MOMENT and record.state != "running":
        _of(root)[run] = Known.model_construct(version=version, record=record)
        _news[root] += 1


def write_index(root: Path) -> None:
    """Leave what is known for the next process, where much is new; the lock of the registry is held."""
    if _news.get(root, 0) < NEW:
        return
    known = {run: entry for run, entry in _of(root).items() if (root / "runs" / f"{run}.json").exists()}
    with contextlib.suppress(WirechamberError, OSError):  # nothing depends on it
        index = Index.model_construct(program=_program(), known=known)
        write_text(_path(root), index.model_dump_json())
        _news[root] = 0


def _of(root: Path) -> dict[str, Known]:
    """Return the known records of a registry; at first those of the index, none where it cannot be used."""
    if root not in _known:
        _known[root], _news[root] = {}, 0
        with contextlib.suppress(OSError, ValidationError):
            index = Index.model_validate_json(_path(root).read_bytes())
            _known[root] = index.known if index.program == _program() else {}
    return _known[root]


def _path(root: Path) -> Path:
    return root / ".index.json"


def _program() -> str:
    """Return what tells this program's idea of a record from that of another version."""
    return hashlib.sha256(Path(records.__file__).read_bytes()).hexdigest()
