"""Files of a kind that a loader does not read: said as such, not as damage."""

from collections.abc import Sequence
from pathlib import Path

from app.core.errors import Problem, UserError
from app.core.files import DATA_SUFFIXES, TABLE_SUFFIXES
from datasets.files import root

KNOWN = (*DATA_SUFFIXES, *TABLE_SUFFIXES)


def name_kinds(error: UserError, files: Sequence[Path], loader: str, reads: Sequence[str]) -> UserError:
    """Return what a loader refuses, with files of another kind called so and not truncated.

    Args:
        error: that it raised.
        files: that it was given.
        loader: its name.
        reads: how the names of its files end; nothing: any way.
    """
    ends = {str(path): root.split_name(path)[0].suffix.lower() for path in files}
    others = {place: end for place, end in ends.items() if reads and end in KNOWN and end not in reads}

    def named(problem: Problem) -> Problem:
        place = str(problem.where[0]) if problem.where else ""
        if place not in others:
            return problem
        what, expected = f"not a kind of file that {loader} reads", " or ".join(reads)
        return Problem(what, (place,), expected=expected, received=others[place])

    return UserError(*map(named, error.problems))
