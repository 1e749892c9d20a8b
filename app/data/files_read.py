"""The files that a job reads, found in its JSON: what a command writes must be none of them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.core.errors import UserError
from app.core.files import find_files
from app.data.loading import data_root, simulated_folder
from datasets import SIMULATORS

NAMES = ("files", "file", "like")
"""Keys that name files: of a dataset, its friends and its simulation, and of maps of fields, wherever they stand."""


def files_read(content: Any) -> Iterator[Path]:
    """Yield the files that a job names, and the shards that it simulated, as far as they are there.

    Args:
        content: JSON of a job or a part of it; the job need not be valid any more.
    """
    if isinstance(content, list):
        for part in content:
            yield from files_read(part)
    if not isinstance(content, dict):
        return
    for name, value in content.items():
        patterns = (value if isinstance(value, list) else [value]) if name in NAMES else []
        for pattern in patterns:
            if isinstance(pattern, str):
                with suppress(UserError):
                    yield from find_files([pattern])
        if name == "simulate":
            with suppress(UserError):
                yield from simulated_folder(SIMULATORS.parse(value), data_root()).glob("*")
        yield from files_read(value)
