"""Damaged files in a folder: all of them are named and counted, and the others read where that is wanted."""

import logging
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from app.core.errors import Problem, UserError

logger = logging.getLogger(__name__)

OnBadFile = Literal["stop", "skip"]
MOST_NAMED = 20
"""At most so many damaged files are named."""
Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


def load_readable(items: Sequence[Item], read: Callable[[Item], Loaded], on_bad_file: OnBadFile) -> list[Loaded]:
    """Return the results of `read` for all items; those that it refuses are named and counted.

    Raises:
        UserError: some are refused and `on_bad_file` is "stop", or all are.
    """
    loaded: list[Loaded] = []
    mistakes: list[Problem] = []
    for item in items:
        try:
            loaded.append(read(item))
        except UserError as error:
            mistakes += error.problems
    bad = len(items) - len(loaded)
    if mistakes and (on_bad_file == "stop" or not loaded):
        expected = "whole files" if bad == len(items) else "whole files, or 'on_bad_file': 'skip' in the dataset"
        count = Problem(f"{bad} of {len(items)} files cannot be used", ("dataset", "files"), expected=expected)
        raise UserError(*mistakes[:MOST_NAMED], *([count] if len(items) > 1 else []))
    for problem in mistakes:
        logger.warning("skipped: %s", problem)
    if mistakes:
        logger.warning("%d of %d files were skipped", bad, len(items))
    return loaded
