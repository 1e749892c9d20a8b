"""Damaged files in the middle of a folder: all of them named and counted, and the others read where that is wanted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from app.core.errors import Problem, UserError

logger = logging.getLogger(__name__)

OnBadFile = Literal["stop", "skip"]
MOST = 20
"""So many of them are named at most."""
Item = TypeVar("Item")
Opened = TypeVar("Opened")


def readable(items: Sequence[Item], read: Callable[[Item], Opened], on_bad_file: OnBadFile) -> list[Opened]:
    """Return what `read` makes of the items; those that it refuses are named and counted.

    Raises:
        UserError: some are refused and `on_bad_file` is "stop", or all are.
    """
    opened: list[Opened] = []
    mistakes: list[Problem] = []
    for item in items:
        try:
            opened.append(read(item))
        except UserError as error:
            mistakes += error.problems
    if mistakes and (on_bad_file == "stop" or not opened):
        raise UserError(*mistakes[:MOST], *_counted(len(items) - len(opened), len(items)))
    for problem in mistakes:
        logger.warning("skipped: %s", problem)
    if mistakes:
        logger.warning("%d of %d files were skipped", len(items) - len(opened), len(items))
    return opened


def _counted(bad: int, every: int) -> list[Problem]:
    if every == 1:
        return []
    what = f"{bad} of {every} files cannot be used"
    expected = "whole files" if bad == every else "whole files, or 'on_bad_file': 'skip' in the dataset"
    return [Problem(what, ("dataset", "files"), expected=expected)]
