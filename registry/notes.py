"""What people write by hand: `notes/<application>.md` about an application, `notes/runs/<run>.md` about one run."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from app.core.errors import Problem, UserError
from app.core.files import write_text
from app.core.lock import locked
from app.core.types import Strict
from app.core.validation import problems
from registry.record import Better, now

FENCE = "---"


class Notes(Strict):
    """The front matter of an application's notes, and the text below it."""

    goal: str = ""
    dataset: str = ""
    metric: str = ""
    better: Better = "lower"
    baseline: str = ""
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
    front, text = _parted(path, lines)
    try:
        return Notes.model_validate({**front, "text": "\n".join(text).strip()})
    except ValidationError as error:
        raise UserError(*problems(error, Notes)).under(str(path)) from None


def _parted(path: Path, lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Part front matter and text; a file without front matter is all text."""
    if not lines or lines[0].strip() != FENCE:
        return {}, lines
    closing = [number for number, line in enumerate(lines) if number and line.strip() == FENCE]
    if not closing:
        raise UserError(Problem("the front matter has no end", (str(path),), expected=f"a second line {FENCE!r}"))
    pairs: dict[str, str] = {}
    wrong = []
    for number, line in enumerate(lines[1 : closing[0]], start=2):
        key, colon, value = (part.strip() for part in line.partition(":"))
        place = (str(path), f"line {number}")
        if key in pairs:
            wrong.append(Problem("given twice", place, received=key))
        elif line.strip() and (not colon or key == "text"):
            wrong.append(Problem("not front matter", place, expected="'key: value'", received=line))
        elif colon:
            pairs[key] = value
    if wrong:
        raise UserError(*wrong)
    return pairs, lines[closing[0] + 1 :]


def read_remarks(root: Path) -> dict[str, str]:
    """Read what was noted by hand about single runs."""
    return {path.stem: path.read_text("utf-8", "replace").strip() for path in sorted(_remarks(root).glob("*.md"))}


def add_remark(root: Path, run: str, text: str) -> None:
    """Append a dated line to the remarks on a run: its own file, so that it never races with the run's record."""
    path = _remarks(root) / f"{run}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(root / ".lock"):
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        write_text(path, f"{before}- {now()[:10]}: {' '.join(text.split())}\n")


def _remarks(root: Path) -> Path:
    return root / "notes" / "runs"
