"""Notes that people write: `notes/<application>.md` about an application, `notes/runs/<run>.md` about one run."""

import math
import re
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, ValidationError

from app.core.errors import Problem, UserError
from app.core.files import write_error, write_text
from app.core.lock import locked
from app.core.system import now
from app.core.types import Strict
from app.core.validation import problems
from registry.record import Better, describe_factor, is_better, number

FENCE = "---"


class Target(NamedTuple):
    """A value of the application's metric that a run should reach, and where it comes from."""

    value: float
    origin: str

    def judge(self, value: float, better: Better) -> str:
        """Return whether a value meets the target, and by how much: 'met by 1.8x', 'not met: 2.0x away'."""
        if value == self.value:
            return "met exactly"
        factor = describe_factor(value, self.value)
        return f"met by {factor}" if is_better(value, self.value, better) else f"not met: {factor} away"

    @property
    def text(self) -> str:
        """Return the value and its origin: '0.0180, polynomial of degree 8'."""
        return ", ".join(filter(None, (number(self.value), self.origin)))


def _read_targets(text: Any) -> Any:
    """Read `VALUE ORIGIN; VALUE ORIGIN`."""
    if not isinstance(text, str):
        return text
    targets = []
    for part in filter(None, map(str.strip, text.split(";"))):
        found = re.fullmatch(r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)(?:\s+(.*))?", part)
        try:
            value = float(found[1]) if found else math.nan
        except ValueError:
            value = math.nan
        if not found or not math.isfinite(value):
            raise ValueError(f"{part!r} is no target; expected 'NUMBER WORDS', and ';' before the next one")
        targets.append(Target(value, found[2] or ""))
    return tuple(targets)


class Notes(Strict):
    """The front matter of an application's notes, and the text below it."""

    goal: str = ""
    dataset: str = ""
    metric: str = ""
    better: Better = "lower"
    baseline: str = ""
    target: Annotated[tuple[Target, ...], BeforeValidator(_read_targets)] = ()
    text: str = ""


def read_notes(path: Path) -> Notes:
    """Read the notes of an application.

    Raises:
        UserError: a line of the front matter is not `key: value`, or its key is unknown; all of them at once.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(Problem(f"not UTF-8 text ({error.reason})", (str(path),))) from None
    if not lines or lines[0].strip() != FENCE:
        return Notes(text="\n".join(lines).strip())
    closing = next((position for position, line in enumerate(lines) if position and line.strip() == FENCE), None)
    if closing is None:
        raise UserError(Problem("the front matter has no end", (str(path),), expected=f"a second line {FENCE!r}"))
    pairs = {"text": "\n".join(lines[closing + 1 :]).strip()}
    mistakes = []
    for position, line in enumerate(lines[1:closing], start=2):
        key, colon, value = (part.strip() for part in line.partition(":"))
        place = (str(path), f"line {position}")
        if line.strip() and (not colon or key == "text"):
            mistakes.append(Problem("not front matter", place, expected="'key: value'", received=line))
        elif key in pairs:
            mistakes.append(Problem("duplicate key", place, received=key))
        elif colon:
            pairs[key] = value
    if mistakes:
        raise UserError(*mistakes)
    try:
        return Notes.model_validate(pairs)
    except ValidationError as error:
        raise UserError(*problems(error, Notes)).under(str(path)) from None


def read_remark(path: Path) -> str:
    """Read the remarks on a single run."""
    return path.read_text("utf-8", "replace").strip()


def add_remark(root: Path, run: str, text: str) -> None:
    """Append a dated line to the remarks on a run: its own file, so that it never races with the run's record."""
    path = root / "notes" / "runs" / f"{run}.md"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path.parent, error) from None
    with locked(root / ".lock"):
        try:
            before = path.read_text(encoding="utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            what = f"cannot be read ({error.strerror if isinstance(error, OSError) else error})"
            raise UserError(Problem(what, (str(path),), expected="the notes on a run")) from None
        if before and not before.endswith("\n"):
            before += "\n"
        write_text(path, f"{before}- {now()[:10]}: {' '.join(text.split())}\n")
