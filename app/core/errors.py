"""Errors that say where, what, the nearest valid value, what was expected and what came."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, replace
from typing import Self

from app.core.interruption import RESUMABLE
from app.core.passwords import hide_passwords

LONGEST = 1000
"""Characters of a name or path in a message."""
Place = tuple[str | int, ...]
"""Where a problem is: the parts of a JSON path, a file, a file with a row."""


def nearest(name: object, choices: Iterable[str]) -> str | None:
    """Return the choice that a reader most likely meant by `name`, or None."""
    spelled = {choice.lower(): choice for choice in choices}
    matches = difflib.get_close_matches(str(name).lower()[:LONGEST], spelled, n=1, cutoff=0.6)
    return spelled[matches[0]] if matches else None


@dataclass(frozen=True)
class Problem:
    """One mistake at one place, in one line.

    `where` is a JSON path, a file or a file with a row; `received` is left out when nothing came (None is JSON's null).
    """

    what: str
    where: Place = ()
    _: KW_ONLY
    nearest: str | None = None
    expected: str | None = None
    received: object = ...

    def under(self, *prefix: str | int) -> Self:
        """Return the same problem seen from `prefix` further out."""
        return replace(self, where=(*prefix, *self.where))

    @property
    def is_of_data(self) -> bool:
        """Whether the place begins at a file, or at the dataset of a job."""
        first = str(self.where[0]) if self.where else ""
        return "/" in first or first.split(" ")[0] == "dataset"

    def __str__(self) -> str:
        place = ".".join(shorten(str(part)) for part in self.where)
        sentences = [f"{place}: {self.what}" if place else self.what]
        if self.nearest is not None:
            sentences.append(f"Did you mean {self.nearest!r}?")
        if self.expected is not None:
            sentences.append(f"Expected {self.expected}")
        if self.received is not ...:
            sentences.append(f"Received {shorten(repr(hide_passwords(self.received)), 120)}")
        text = " ".join(s if s.endswith((".", "?")) else s + "." for s in sentences)
        line = str(hide_passwords(" ".join(text.splitlines())))
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def shorten(text: str, most: int = LONGEST) -> str:
    """Return a text, with dots in the place of what is too much for a line."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def unknown(what: str, name: object, choices: Sequence[str], where: Place = ()) -> Problem:
    """Describe a name that is none of `choices`."""
    expected = f"one of [{', '.join(choices)}]" if choices else "none"
    return Problem(f"unknown {what}", where, nearest=nearest(name, choices), expected=expected, received=name)


class WirechamberError(Exception):
    """A failure that is not the user's mistake; one line, exit code 1."""

    exit_code = 1

    def __str__(self) -> str:
        return str(hide_passwords(super().__str__()))


class UserError(WirechamberError, ValueError):
    """All mistakes of the user together, one line each; exit code 2, never a traceback.

    It is a ValueError, so that a validator inside pydantic may raise it without losing a problem.
    """

    exit_code = 2

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(map(str, self.problems)))

    def under(self, *prefix: str | int) -> Self:
        """Return the same error seen from `prefix` further out."""
        return type(self)(*(problem.under(*prefix) for problem in self.problems))

    def within(self, *prefix: str | int) -> Self:
        """As `under`, for a step that reads data: what is wrong with these stays at its file or below `dataset`."""
        return type(self)(*(p if p.is_of_data else p.under(*prefix) for p in self.problems))


class Mistakes(list[Problem]):
    """Mistakes of several steps, to be reported together."""

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Keep the mistakes of a step and go on."""
        try:
            yield
        except UserError as error:
            self.extend(error.problems)

    def report(self) -> None:
        """Raise UserError with all mistakes, if there are any."""
        if self:
            raise UserError(*self)


class Interrupted(BaseException):
    """SIGTERM or Ctrl-C arrived: the process ends with exit code 85 and keeps its last checkpoint."""

    exit_code = RESUMABLE


def merge_equal_problems(mistakes: Sequence[Problem]) -> list[Problem]:
    """Return the mistakes, with those that differ in the job alone merged into one that counts the jobs.

    Args:
        mistakes: of several jobs; the first part of a place names the job.

    >>> mistakes = [Problem("unknown key", ("a", "epochz")), Problem("unknown key", ("b", "epochz"))]
    >>> [str(problem) for problem in merge_equal_problems(mistakes)]
    ['2 jobs such as a.epochz: unknown key.']
    """
    groups: dict[str, list[Problem]] = {}
    for problem in mistakes:
        groups.setdefault(str(replace(problem, where=("", *problem.where[1:]))), []).append(problem)
    merged = list[Problem]()
    for group in groups.values():
        by_job = {problem.where[:1]: problem for problem in reversed(group)}
        first = group[0]
        if len(by_job) == 1 or len(first.where) < 2:  # problems of one job, or of files and no job
            merged += reversed(by_job.values())
        else:
            merged.append(replace(first, where=(f"{len(by_job)} jobs such as {first.where[0]}", *first.where[1:])))
    return merged
