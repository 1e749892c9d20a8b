"""One mistake that many jobs have, said once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.core.errors import Problem


def said_once(mistakes: Sequence[Problem]) -> list[Problem]:
    """Return the mistakes, those that differ in nothing but the job as one that says how many jobs have it.

    Args:
        mistakes: of several jobs; the first part of a place names the job.

    >>> [str(p) for p in said_once([Problem("unknown key", ("a", "epochz")), Problem("unknown key", ("b", "epochz"))])]
    ['2 jobs such as a.epochz: unknown key.']
    """
    found: dict[str, list[Problem]] = {}
    for problem in mistakes:
        found.setdefault(str(replace(problem, where=("", *problem.where[1:]))), []).append(problem)
    return [problem for alike in found.values() for problem in _joined(alike)]


def _joined(alike: Sequence[Problem]) -> list[Problem]:
    one_each = {problem.where[:1]: problem for problem in reversed(alike)}
    first = alike[0]
    if len(one_each) == 1 or len(first.where) < 2:  # of one job, or of files and no job
        return list(reversed(one_each.values()))
    return [replace(first, where=(f"{len(one_each)} jobs such as {first.where[0]}", *first.where[1:]))]
